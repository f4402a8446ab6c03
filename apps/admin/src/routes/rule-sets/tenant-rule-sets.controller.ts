import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { Answers } from '../../openapi/answers'
import { SignedIn } from '../../signed-in'
import { RuleSetDesk, type RuleScope } from './rule-set-desk'
import { ruleSetBody, type RuleSetBody } from './rule-set.schema'
import { ruleSetReply } from './rule-set.wire'

/** A tenant's own rule sets: each stands in for the operator's of the same name. PUT creates or replaces. */
@Controller('admin/tenants/:tenant/rule-sets')
export class TenantRuleSetsController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly desk: RuleSetDesk,
  ) {}

  @Permit('tenant-rule-sets:read')
  @Answers(pageReply(ruleSetReply))
  @Get()
  async list(@Param('tenant') slug: string) {
    return this.desk.list(await this.scopeOf(slug))
  }

  @Permit('tenant-rule-sets:read')
  @Answers(ruleSetReply)
  @Get(':set')
  async one(@Param('tenant') slug: string, @Param('set') name: string) {
    return this.desk.one(await this.scopeOf(slug), name)
  }

  @Permit('tenant-rule-sets:write')
  @Answers(ruleSetReply)
  @Put(':set')
  async put(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('set') name: string, @Body({ schema: ruleSetBody }) body: RuleSetBody) {
    return this.desk.put(await this.scopeOf(slug), name, body, who)
  }

  @Permit('tenant-rule-sets:write')
  @Delete(':set')
  @HttpCode(204)
  async remove(@Param('tenant') slug: string, @Param('set') name: string): Promise<void> {
    await this.desk.remove(await this.scopeOf(slug), name)
  }

  private async scopeOf(slug: string): Promise<RuleScope> {
    const tenant = await this.tenants.get(slug)
    return { tenantId: tenant.id, tier: tenant.tier }
  }
}
