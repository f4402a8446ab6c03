import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { Answers } from '../../openapi/answers'
import { References } from '../../references'
import { SignedIn } from '../../signed-in'
import { AliasDesk } from './alias-desk'
import { scopedAliasBody, scopeQuery, type ScopedAliasBody, type ScopeQuery } from './alias.schema'
import { aliasesReply, aliasHistoryReply, aliasReply } from './alias.wire'

/** Aliases of the platform, and with `tier` those of a tier. POST also re-points. */
@Controller('admin/aliases')
export class AliasesController {
  constructor(
    private readonly desk: AliasDesk,
    private readonly references: References,
  ) {}

  @Permit('aliases:read')
  @Answers(aliasesReply)
  @Get()
  async list(@Query({ schema: scopeQuery }) query: ScopeQuery) {
    return this.desk.list(placeOf(query.tier))
  }

  @Permit('aliases:read')
  @Answers(aliasHistoryReply)
  @Get(':alias/history')
  async history(@Param('alias') name: string, @Query({ schema: scopeQuery }) query: ScopeQuery) {
    return this.desk.history(placeOf(query.tier), name)
  }

  @Permit('aliases:write')
  @Answers(aliasReply)
  @Post()
  async put(@SignedIn() who: Principal, @Body({ schema: scopedAliasBody }) body: ScopedAliasBody) {
    await this.references.demand({ tier: body.tier })
    return this.desk.put(placeOf(body.tier), body, who)
  }

  @Permit('aliases:write')
  @Delete(':alias')
  @HttpCode(204)
  async remove(@SignedIn() who: Principal, @Param('alias') name: string, @Query({ schema: scopeQuery }) query: ScopeQuery): Promise<void> {
    await this.desk.remove(placeOf(query.tier), name, who)
  }
}

function placeOf(tier: string | null | undefined) {
  return { tenantId: null, tier: tier ?? null, tenantTier: null }
}
