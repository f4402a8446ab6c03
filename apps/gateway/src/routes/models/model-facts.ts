import { Inject, Injectable } from '@nestjs/common'
import { CatalogService, type CatalogModel } from '@tollgate/catalog'
import { HostsService } from '@tollgate/hosts'
import type { Caller, Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { priceInForce, type Price } from '@tollgate/pricing'

/** What a caller sees of a model beyond its catalogue entry. */
export interface ModelFactsOfCaller {
  readonly provider: string
  readonly regions: readonly string[]
  readonly aliases: readonly string[]
  /** The price of the nearest deployment; null = not priced. */
  readonly price: Price | null
  readonly isHealthy: boolean
}

/** Gathers where a model is, what it is called and what it costs, for one caller. */
@Injectable()
export class ModelFacts {
  constructor(
    private readonly catalog: CatalogService,
    private readonly hosts: HostsService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async of(model: CatalogModel, caller: Caller): Promise<ModelFactsOfCaller> {
    const { tenant } = caller
    const distance = (region: string) => (region === tenant.homeRegion ? 0 : this.hosts.distanceMs(tenant.homeRegion, region))
    const candidates = this.hosts
      .candidates(model.name)
      .filter((candidate) => tenant.allowedRegions.includes(candidate.region))
      .sort((a, b) => distance(a.region) - distance(b.region))
    const [nearest] = candidates
    const prices = await this.catalog.pricesOf(model.name, tenant.id)
    const price = nearest ? priceInForce(prices, { model: model.name, provider: nearest.provider, region: nearest.region, tier: tenant.tier, tenantId: tenant.id, currency: tenant.currency, atMs: this.clock.now() }) : null
    return {
      provider: nearest?.provider ?? '',
      regions: [...new Set(candidates.map((candidate) => candidate.region))],
      aliases: await this.catalog.aliasesOf(model.name, tenant.id, tenant.tier),
      price,
      isHealthy: candidates.some((candidate) => candidate.isHealthy),
    }
  }
}
