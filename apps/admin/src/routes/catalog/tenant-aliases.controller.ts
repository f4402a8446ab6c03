import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common'
import { AliasAdminService } from '@tollgate/catalog'
import { ProvidersService } from '@tollgate/providers'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit } from '@tollgate/tenants/people'
import { aliasBody, type AliasBody } from './alias.schema'
import { aliasesWire, aliasWire } from './alias.wire'

/** A tenant's own aliases, which win over its tier's and the platform's. */
@Controller('admin/tenants/:tenant/aliases')
export class TenantAliasesController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly aliases: AliasAdminService,
    private readonly providers: ProvidersService,
  ) {}

  @Permit('tenant-aliases:read')
  @Get()
  async list(@Param('tenant') slug: string) {
    const tenant = await this.tenants.get(slug)
    return aliasesWire(await this.aliases.list({ tenantId: tenant.id, tier: null }))
  }

  @Permit('tenant-aliases:write')
  @Post()
  async put(@Param('tenant') slug: string, @Body({ schema: aliasBody }) body: AliasBody) {
    const tenant = await this.tenants.get(slug)
    return aliasWire(await this.aliases.put({ tenantId: tenant.id, tier: null }, body.name, body.target, { tenantTier: tenant.tier, providers: this.providers.known }))
  }

  @Permit('tenant-aliases:write')
  @Delete(':alias')
  @HttpCode(204)
  async remove(@Param('tenant') slug: string, @Param('alias') name: string): Promise<void> {
    const tenant = await this.tenants.get(slug)
    await this.aliases.remove({ tenantId: tenant.id, tier: null }, name)
  }
}
