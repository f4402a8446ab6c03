import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { Answers } from '../../openapi/answers'
import { SignedIn } from '../../signed-in'
import { RuleSetDesk } from './rule-set-desk'
import { ruleSetBody, type RuleSetBody } from './rule-set.schema'
import { ruleSetReply } from './rule-set.wire'

const PLATFORM = { tenantId: null, tier: null }

/** The operator's rule sets of smart selection (product.md 2.2). PUT creates or replaces. */
@Controller('admin/rule-sets')
export class RuleSetsController {
  constructor(private readonly desk: RuleSetDesk) {}

  @Permit('rule-sets:read')
  @Answers(pageReply(ruleSetReply))
  @Get()
  async list() {
    return this.desk.list(PLATFORM)
  }

  @Permit('rule-sets:read')
  @Answers(ruleSetReply)
  @Get(':set')
  async one(@Param('set') name: string) {
    return this.desk.one(PLATFORM, name)
  }

  @Permit('rule-sets:write')
  @Answers(ruleSetReply)
  @Put(':set')
  async put(@SignedIn() who: Principal, @Param('set') name: string, @Body({ schema: ruleSetBody }) body: RuleSetBody) {
    return this.desk.put(PLATFORM, name, body, who)
  }

  @Permit('rule-sets:write')
  @Delete(':set')
  @HttpCode(204)
  async remove(@Param('set') name: string): Promise<void> {
    await this.desk.remove(PLATFORM, name)
  }
}
