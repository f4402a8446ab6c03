import { Injectable } from '@nestjs/common'
import { AliasAdminService } from '@tollgate/catalog'
import { ProvidersService } from '@tollgate/providers'
import type { Principal } from '@tollgate/tenants/people'
import { aliasesWire, aliasHistoryWire, aliasWire } from './alias.wire'

/** Whose aliases: the platform's (both null), a tier's or a tenant's; `tenantTier` is what a tenant's may lean on. */
export interface AliasPlace {
  readonly tenantId: string | null
  readonly tier: string | null
  readonly tenantTier: string | null
}

/** Aliases of every scope, in wire form. */
@Injectable()
export class AliasDesk {
  constructor(
    private readonly aliases: AliasAdminService,
    private readonly providers: ProvidersService,
  ) {}

  async list(place: AliasPlace) {
    return aliasesWire(await this.aliases.list(place), await this.book(place))
  }

  async put(place: AliasPlace, { name, target }: { name: string; target: string }, who: Principal) {
    const { tenantId, tier, tenantTier } = place
    const alias = await this.aliases.put({ tenantId, tier }, name, target, { tenantTier, providers: this.providers.known, changedBy: who.accountId })
    return aliasWire(alias, await this.book(place))
  }

  async remove(place: AliasPlace, name: string, who: Principal): Promise<void> {
    await this.aliases.remove(place, name, who.accountId)
  }

  async history(place: AliasPlace, name: string) {
    return aliasHistoryWire(await this.aliases.history(place, name))
  }

  private async book({ tenantId, tier, tenantTier }: AliasPlace) {
    return this.aliases.book({ tenantId, tier: tier ?? tenantTier }, this.providers.known)
  }
}
