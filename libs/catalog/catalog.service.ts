import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import { KeptRecords, Snapshot } from '@tollgate/platform/snapshot'
import type { Price } from '@tollgate/pricing'
import type { Alias, CatalogModel, FoundModel } from './domain/model'
import type { Drift } from './domain/model-version'
import { followName, type FollowedName, type ResolvedName } from './domain/resolve'
import { ModelStore } from './model.store'
import { NamingStore } from './naming.store'
import { VersionStore } from './version.store'

interface CatalogState {
  readonly models: ReadonlyMap<string, CatalogModel>
  readonly platformAliases: ReadonlyMap<string, string>
  readonly tierAliases: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly prices: ReadonlyMap<string, readonly Price[]>
  readonly drifts: readonly Drift[]
  readonly givesTools: boolean
}

interface TenantNames {
  readonly aliases: ReadonlyMap<string, string>
  readonly prices: readonly Price[]
}

/** While Postgres is away the last known names serve on. */
const TENANT_TERMS = { most: 20_000, freshMs: 10_000, staleMs: Infinity, mostReadMs: 5_000 }

/** Models, names and prices, from memory. A tenant's own names are read once per tenant and ten seconds. */
@Injectable()
export class CatalogService {
  private readonly snapshot: Snapshot<CatalogState>
  private readonly tenants: KeptRecords<TenantNames>

  constructor(
    private readonly modelStore: ModelStore,
    private readonly naming: NamingStore,
    private readonly notices: ChangeNotices,
    private readonly versions: VersionStore,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.snapshot = new Snapshot(() => this.load())
    this.tenants = new KeptRecords(TENANT_TERMS, clock)
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

  /** Models whose hosts hold different weights, or others than they are pinned to, as of the last load. */
  drifts(): readonly Drift[] {
    return this.snapshot.current().drifts
  }

  /** Whether any model is given tools of servers: most installations have none, and their calls skip the question. */
  get givesTools(): boolean {
    return this.snapshot.current().givesTools
  }

  models(): CatalogModel[] {
    return [...this.snapshot.current().models.values()]
  }

  /** Whether this tenant's own names and prices can be told: false for one that was never read while Postgres is away. */
  async knowsTenant(tenantId: string): Promise<boolean> {
    if (this.tenants.fresh(tenantId)) return true
    return this.namesOf(tenantId).then(
      () => true,
      () => false,
    )
  }

  /** What a name stands for to this tenant and tier; null = unknown, or an alias that is not followed (product.md 5). */
  async resolve(name: string, tenantId: string, tier: string, providers: ReadonlySet<string>): Promise<ResolvedName | null> {
    const found = await this.follow(name, tenantId, tier, providers)
    return found.kind === 'model' ? found : null
  }

  /** As `resolve`, and tells why not: an alias whose target has gone, or that leads in a circle, is reported. */
  async follow(name: string, tenantId: string, tier: string, providers: ReadonlySet<string>): Promise<FollowedName> {
    const { models, platformAliases, tierAliases } = this.snapshot.current()
    const tenant = this.tenants.fresh(tenantId) ?? (await this.namesOf(tenantId))
    return followName(name, { hasModel: (model) => models.has(model), aliases: [tenant.aliases, tierAliases.get(tier) ?? new Map(), platformAliases], providers })
  }

  /** Aliases that stand for a model, to this tenant and tier. */
  async aliasesOf(model: string, tenantId: string, tier: string): Promise<string[]> {
    const { platformAliases, tierAliases } = this.snapshot.current()
    const tenant = this.tenants.fresh(tenantId) ?? (await this.namesOf(tenantId))
    const merged = new Map([...platformAliases, ...(tierAliases.get(tier) ?? []), ...tenant.aliases])
    return [...merged].filter(([, target]) => target === model).map(([name]) => name)
  }

  /** Every price row that may apply to a model for this tenant; `priceInForce` chooses. */
  async pricesOf(model: string, tenantId: string): Promise<readonly Price[]> {
    const { prices } = this.snapshot.current()
    const tenant = this.tenants.fresh(tenantId) ?? (await this.namesOf(tenantId))
    const shared = prices.get(model) ?? []
    const general = prices.get('*') ?? []
    return tenant.prices.length === 0 && general.length === 0 ? shared : [...shared, ...general, ...tenant.prices]
  }

  private async namesOf(tenantId: string): Promise<TenantNames> {
    const names = await this.tenants.get(tenantId, async () => {
      const { aliases, prices } = await this.naming.ofTenant(tenantId)
      return { aliases: new Map(aliases.map((alias) => [alias.name, alias.target])), prices }
    })
    return names!
  }

  private async load(): Promise<CatalogState> {
    const [models, { aliases, prices }, drifts] = await Promise.all([this.modelStore.all(), this.naming.shared(), this.versions.drifts()])
    const tierAliases = new Map<string, Map<string, string>>()
    for (const alias of aliases.filter((candidate) => candidate.tier !== null)) addTo(tierAliases, alias)
    return {
      models: new Map(models.map((model) => [model.name, model])),
      platformAliases: new Map(aliases.filter((alias) => alias.tier === null).map((alias) => [alias.name, alias.target])),
      tierAliases,
      prices: byModel(prices),
      drifts,
      givesTools: models.some(({ mcpServers }) => mcpServers.length > 0),
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
