import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common'
import { AliasAdminService } from '@tollgate/catalog'
import { ProvidersService } from '@tollgate/providers'
import { Permit } from '@tollgate/tenants/people'
import { References } from '../../references'
import { scopedAliasBody, scopeQuery, type ScopedAliasBody, type ScopeQuery } from './alias.schema'
import { aliasesWire, aliasWire } from './alias.wire'

/** Aliases of the platform, and with `tier` those of a tier. POST also re-points. */
@Controller('admin/aliases')
export class AliasesController {
  constructor(
    private readonly aliases: AliasAdminService,
    private readonly providers: ProvidersService,
    private readonly references: References,
  ) {}

  @Permit('aliases:read')
  @Get()
  async list(@Query({ schema: scopeQuery }) query: ScopeQuery) {
    return aliasesWire(await this.aliases.list(scopeOf(query.tier)))
  }

  @Permit('aliases:write')
  @Post()
  async put(@Body({ schema: scopedAliasBody }) body: ScopedAliasBody) {
    await this.references.demand({ tier: body.tier })
    return aliasWire(await this.aliases.put(scopeOf(body.tier), body.name, body.target, { tenantTier: null, providers: this.providers.known }))
  }

  @Permit('aliases:write')
  @Delete(':alias')
  @HttpCode(204)
  async remove(@Param('alias') name: string, @Query({ schema: scopeQuery }) query: ScopeQuery): Promise<void> {
    await this.aliases.remove(scopeOf(query.tier), name)
  }
}

function scopeOf(tier: string | null | undefined) {
  return { tenantId: null, tier: tier ?? null }
}
