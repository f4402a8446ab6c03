import { Inject, Injectable } from '@nestjs/common'
import { LRUCache } from 'lru-cache'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import { Snapshot } from '@tollgate/platform/snapshot'
import type { Price } from '@tollgate/pricing'
import type { Alias, CatalogModel, FoundModel } from './domain/model'
import { resolveName, type ResolvedName } from './domain/resolve'
import { ModelStore } from './model.store'
import { NamingStore } from './naming.store'

interface CatalogState {
  readonly models: ReadonlyMap<string, CatalogModel>
  readonly platformAliases: ReadonlyMap<string, string>
  readonly tierAliases: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly prices: ReadonlyMap<string, readonly Price[]>
}

interface TenantNames {
  readonly aliases: ReadonlyMap<string, string>
  readonly prices: readonly Price[]
  readonly loadedAtMs: number
}

const TENANT_FRESH_MS = 10_000

/** Models, names and prices, from memory. A tenant's own names are read once per tenant and ten seconds. */
@Injectable()
export class CatalogService {
  private readonly snapshot: Snapshot<CatalogState>
  private readonly tenants = new LRUCache<string, TenantNames>({ max: 20_000 })

  constructor(
    private readonly modelStore: ModelStore,
    private readonly naming: NamingStore,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.snapshot = new Snapshot(() => this.load())
    notices.listen((notice) => {
      if (notice.topic !== 'catalog') return
      this.tenants.clear()
      this.snapshot.refreshQuietly()
    })
  }

  /** Loads models, shared names and prices; called at boot and by a timer. */
  async refresh(): Promise<void> {
    await this.snapshot.refresh()
  }

  /** Adds models that discovery found; tells every process when that changed anything. */
  async register(found: readonly FoundModel[]): Promise<void> {
    if (!(await this.modelStore.register(found))) return
    await this.snapshot.refresh()
    await this.notices.publish({ topic: 'catalog' })
  }

  model(name: string): CatalogModel | undefined {
    return this.snapshot.current().models.get(name)
  }

  models(): CatalogModel[] {
    return [...this.snapshot.current().models.values()]
  }

  /** What a name stands for to this tenant and tier; null = unknown (product.md 5). */
  async resolve(name: string, tenantId: string, tier: string, providers: ReadonlySet<string>): Promise<ResolvedName | null> {
    const { models, platformAliases, tierAliases } = this.snapshot.current()
    const tenant = this.fresh(tenantId) ?? (await this.loadTenant(tenantId))
    return resolveName(name, { hasModel: (model) => models.has(model), aliases: [tenant.aliases, tierAliases.get(tier) ?? new Map(), platformAliases], providers })
  }

  /** Aliases that stand for a model, to this tenant and tier. */
  async aliasesOf(model: string, tenantId: string, tier: string): Promise<string[]> {
    const { platformAliases, tierAliases } = this.snapshot.current()
    const tenant = this.fresh(tenantId) ?? (await this.loadTenant(tenantId))
    const merged = new Map([...platformAliases, ...(tierAliases.get(tier) ?? []), ...tenant.aliases])
    return [...merged].filter(([, target]) => target === model).map(([name]) => name)
  }

  /** Every price row that may apply to a model for this tenant; `priceInForce` chooses. */
  async pricesOf(model: string, tenantId: string): Promise<readonly Price[]> {
    const { prices } = this.snapshot.current()
    const tenant = this.fresh(tenantId) ?? (await this.loadTenant(tenantId))
    const shared = prices.get(model) ?? []
    const general = prices.get('*') ?? []
    return tenant.prices.length === 0 && general.length === 0 ? shared : [...shared, ...general, ...tenant.prices]
  }

  private fresh(tenantId: string): TenantNames | undefined {
    const known = this.tenants.get(tenantId)
    return known && this.clock.now() - known.loadedAtMs < TENANT_FRESH_MS ? known : undefined
  }

  /** While Postgres is away the last known names serve on. */
  private async loadTenant(tenantId: string): Promise<TenantNames> {
    try {
      const { aliases, prices } = await this.naming.ofTenant(tenantId)
      const names = { aliases: new Map(aliases.map((alias) => [alias.name, alias.target])), prices, loadedAtMs: this.clock.now() }
      this.tenants.set(tenantId, names)
      return names
    } catch (error) {
      const known = this.tenants.get(tenantId)
      if (known) return known
      throw error
    }
  }

  private async load(): Promise<CatalogState> {
    const [models, { aliases, prices }] = await Promise.all([this.modelStore.all(), this.naming.shared()])
    const tierAliases = new Map<string, Map<string, string>>()
    for (const alias of aliases.filter((candidate) => candidate.tier !== null)) addTo(tierAliases, alias)
    return {
      models: new Map(models.map((model) => [model.name, model])),
      platformAliases: new Map(aliases.filter((alias) => alias.tier === null).map((alias) => [alias.name, alias.target])),
      tierAliases,
      prices: byModel(prices),
    }
  }
}

function addTo(tierAliases: Map<string, Map<string, string>>, alias: Alias): void {
  const names = tierAliases.get(alias.tier!) ?? new Map<string, string>()
  names.set(alias.name, alias.target)
  tierAliases.set(alias.tier!, names)
}

function byModel(prices: readonly Price[]): Map<string, Price[]> {
  const groups = new Map<string, Price[]>()
  for (const price of prices) groups.set(price.model, [...(groups.get(price.model) ?? []), price])
  return groups
}
