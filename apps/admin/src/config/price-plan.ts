import { Inject, Injectable } from '@nestjs/common'
import { PriceAdminService } from '@tollgate/catalog'
import { canonicalModel, type Clock } from '@tollgate/kernel'
import type { Entry } from '@tollgate/operator-config'
import { CLOCK } from '@tollgate/platform/clock'
import { TenantAdminService } from '@tollgate/tenants'
import { priceBody, type PriceBody } from '../routes/catalog/price.schema'
import { priceFields, priceWire } from '../routes/catalog/price.wire'
import type { Draft } from './draft'

type Price = Awaited<ReturnType<PriceAdminService['add']>>

const MOST_ROWS = 100_000

/** What a file says of prices: a row is added where the one in force says something else. None is ever edited. */
@Injectable()
export class PricePlan {
  constructor(
    private readonly prices: PriceAdminService,
    private readonly tenants: TenantAdminService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Rows in force of the tariff; a tenant's own rows and the providers' book are not the file's. */
  async export(): Promise<object[]> {
    const latest = new Map<string, Price>()
    for (const row of await this.prices.list({ limit: MOST_ROWS, book: 'tariff' })) {
      const scope = JSON.stringify([row.model, row.provider, row.region, row.tier, row.currency])
      if (row.tenantId === null && row.effectiveAt.getTime() <= this.clock.now() && !((latest.get(scope)?.effectiveAt ?? 0) > row.effectiveAt)) latest.set(scope, row)
    }
    return [...latest.values()].map((row) => {
      const { id: _id, tenant_id: _tenant, effective_at: _at, created_at: _created, ...wire } = priceWire(row)
      return Object.fromEntries(Object.entries(wire).filter(([, value]) => value !== null))
    })
  }

  async add(draft: Draft, entries: readonly Entry[], known: { regions: ReadonlySet<string>; tiers: ReadonlySet<string>; providers: ReadonlySet<string> }): Promise<void> {
    for (const entry of entries) {
      const body = draft.parse(priceBody, entry)
      if (!body) continue
      const name = nameOf(body)
      if (!draft.isFirst('price', `${name} ${body.effective_at?.toISOString() ?? ''}`, entry)) continue
      if (body.region && !known.regions.has(body.region)) draft.fault(entry, ['region'], `${body.region} is not a region`)
      if (body.tier && !known.tiers.has(body.tier) && !draft.made.tiers.has(body.tier)) draft.fault(entry, ['tier'], `${body.tier} is not a tier`)
      const tenant = body.tenant ? await this.tenants.get(body.tenant).catch(() => null) : null
      if (body.tenant && !tenant && !draft.made.tenants.has(body.tenant)) draft.fault(entry, ['tenant'], `${body.tenant} is not a tenant`)
      const currency = tenant?.currency ?? draft.made.tenants.get(body.tenant ?? '')?.currency
      if (currency !== undefined && currency !== body.currency) draft.fault(entry, ['currency'], `must be the tenant's, ${currency}`)
      const before = body.tenant && !tenant ? null : await this.inForce(body, tenant?.id ?? null)
      // The shipped list has prices of providers that there is no adapter for yet.
      if (!before && body.provider && !known.providers.has(body.provider)) draft.fault(entry, ['provider'], 'is not a provider')
      const wanted = { ...priceFields(body), model: body.model, inputPico: body.input_per_million, outputPico: body.output_per_million, source: body.source }
      draft.compare('price', name, before && wireOf(before), wireOf({ ...BLANK, ...wanted } as Price), async () => {
        await this.prices.add({ ...wanted, tenantId: body.tenant ? (await this.tenants.get(body.tenant)).id : null })
      })
    }
  }

  /** The row of exactly this scope that holds now; with an instant in the file, the row of that instant. */
  private async inForce(body: PriceBody, tenantId: string | null): Promise<Price | null> {
    const at = body.effective_at?.getTime()
    const rows = (await this.prices.list({ limit: MOST_ROWS, book: body.book, model: canonicalModel(body.model) })).filter(
      (row) => row.tenantId === tenantId && row.provider === (body.provider ?? null) && row.region === (body.region ?? null) && row.tier === (body.tier ?? null) && row.currency === body.currency && (at === undefined ? row.effectiveAt.getTime() <= this.clock.now() : row.effectiveAt.getTime() === at),
    )
    // In order of creation, so the later of two with one instant wins.
    return rows.reduce<Price | null>((best, row) => (best && best.effectiveAt > row.effectiveAt ? best : row), null)
  }
}

const BLANK = { cachedInputPico: null, cacheWritePico: null, reasoningPico: null, perRequestPico: 0n, gpuSecondPico: null, isFree: false }

/** What a price says, without when and for whom. */
function wireOf(price: Price) {
  const { input_per_million, output_per_million, cached_input_per_million, cache_write_per_million, reasoning_per_million, per_request, gpu_second, free, source } = priceWire(price)
  return { input_per_million, output_per_million, cached_input_per_million, cache_write_per_million, reasoning_per_million, per_request, gpu_second, free, source }
}

function nameOf({ book, model, provider, region, tier, tenant, currency }: PriceBody): string {
  const scope = [book === 'tariff' ? null : 'provider book', provider, region, tier, tenant, currency].filter(Boolean)
  return `${canonicalModel(model)} (${scope.join(', ')})`
}
