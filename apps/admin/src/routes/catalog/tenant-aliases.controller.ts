import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { Answers } from '../../openapi/answers'
import { SignedIn } from '../../signed-in'
import { AliasDesk, type AliasPlace } from './alias-desk'
import { aliasBody, type AliasBody } from './alias.schema'
import { aliasesReply, aliasHistoryReply, aliasReply } from './alias.wire'

/** A tenant's own aliases, which win over its tier's and the platform's. */
@Controller('admin/tenants/:tenant/aliases')
export class TenantAliasesController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly desk: AliasDesk,
  ) {}

  @Permit('tenant-aliases:read')
  @Answers(aliasesReply)
  @Get()
  async list(@Param('tenant') slug: string) {
    return this.desk.list(await this.placeOf(slug))
  }

  @Permit('tenant-aliases:read')
  @Answers(aliasHistoryReply)
  @Get(':alias/history')
  async history(@Param('tenant') slug: string, @Param('alias') name: string) {
    return this.desk.history(await this.placeOf(slug), name)
  }

  @Permit('tenant-aliases:write')
  @Answers(aliasReply)
  @Post()
  async put(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: aliasBody }) body: AliasBody) {
    return this.desk.put(await this.placeOf(slug), body, who)
  }

  @Permit('tenant-aliases:write')
  @Delete(':alias')
  @HttpCode(204)
  async remove(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('alias') name: string): Promise<void> {
    await this.desk.remove(await this.placeOf(slug), name, who)
  }

  private async placeOf(slug: string): Promise<AliasPlace> {
    const tenant = await this.tenants.get(slug)
    return { tenantId: tenant.id, tier: null, tenantTier: tenant.tier }
  }
}
