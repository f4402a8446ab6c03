import { Inject, Injectable } from '@nestjs/common'
import { canonicalModel, refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { AliasEntry } from './alias.table'
import { judgeAlias } from './domain/alias-rule'
import { followName, type FollowedName, type NameBook } from './domain/resolve'
import { EntryStore } from './entry.store'
import { TariffStore, type AliasChange, type AliasScope } from './tariff.store'

/** Where names lead for one scope: the platform, a tier or a tenant. */
export interface ScopedBook {
  follow(name: string): FollowedName
}

/** What an alias is judged by, beside what is stored. `planned`: what the same change is going to write. */
interface AliasWorld {
  readonly tenantTier: string | null
  readonly providers: ReadonlySet<string>
  readonly planned?: PlannedNames
}

interface PlannedNames {
  readonly models: ReadonlySet<string>
  aliases(scope: AliasScope): ReadonlyMap<string, string>
}

/** Aliases of the platform, of tiers and of tenants, for the control plane. Every change is told to every process. */
@Injectable()
export class AliasAdminService {
  constructor(
    private readonly store: TariffStore,
    private readonly entries: EntryStore,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async list(scope: AliasScope): Promise<AliasEntry[]> {
    return this.store.aliases(scope)
  }

  /** Names as a scope sees them. @param scope with a tenant, `tier` is that of the tenant, whose aliases it may lean on @param providers ids of known providers */
  async book(scope: AliasScope, providers: ReadonlySet<string>): Promise<ScopedBook> {
    const book = await this.names(scope, providers)
    return { follow: (name) => followName(name, book) }
  }

  /** Every change of an alias of a scope, latest first. */
  async history(scope: AliasScope, name: string): Promise<AliasChange[]> {
    return this.store.aliasChanges(scope, canonicalModel(name))
  }

  /**
   * What is wrong with an alias that is to be written: its target ends nowhere or in a circle, or its name is a model's.
   * @param world `tenantTier`: the tier whose aliases a tenant's alias may lean on
   */
  async problemWith({ name, target, ...scope }: AliasScope & { name: string; target: string }, { tenantTier, providers, planned }: AliasWorld): Promise<{ path: string; message: string } | null> {
    return judgeAlias({ name, target }, await this.names({ ...scope, tier: scope.tier ?? tenantTier }, providers, planned))
  }

  /**
   * Creates or re-points an alias.
   * @param tenantTier the tier whose aliases a tenant's alias may lean on @param providers ids of known providers @param changedBy account, for the history
   * @throws RefusalError invalid_request naming the chain when the target ends nowhere or in a circle, or the name is a model's
   */
  async put(scope: AliasScope, name: string, target: string, { changedBy, ...world }: AliasWorld & { changedBy: string }): Promise<AliasEntry> {
    const problem = await this.problemWith({ ...scope, name, target }, world)
    if (problem) throw new RefusalError(refuse('invalid_request', { reason: `${problem.path} ${problem.message}.` }, { details: { errors: [problem] } }))
    const alias: AliasEntry = { id: this.ids.uuid(), ...scope, name: canonicalModel(name), target: canonicalModel(target), createdAt: new Date(this.clock.now()) }
    await this.store.putAlias(alias, { id: this.ids.uuid(), changedBy })
    await this.notices.publish({ topic: 'catalog' })
    return alias
  }

  /** @throws RefusalError object_not_found */
  async remove(scope: AliasScope, name: string, changedBy: string): Promise<void> {
    const change = { id: this.ids.uuid(), changedBy, changedAt: new Date(this.clock.now()) }
    if (!(await this.store.removeAlias(scope, name, change))) throw new RefusalError(refuse('object_not_found', { object: 'Alias', name }))
    await this.notices.publish({ topic: 'catalog' })
  }

  /** Own scope first, then what it leans on: tenant, tier, platform. */
  private async names({ tenantId, tier }: AliasScope, providers: ReadonlySet<string>, planned?: PlannedNames): Promise<NameBook> {
    const models = new Set((await this.entries.list()).map((entry) => entry.name))
    const scopes: AliasScope[] = [...(tenantId === null ? [] : [{ tenantId, tier: null }]), ...(tier === null ? [] : [{ tenantId: null, tier }]), { tenantId: null, tier: null }]
    const aliases: Map<string, string>[] = []
    for (const scope of scopes) aliases.push(new Map([...(await this.store.aliases(scope)).map((alias) => [alias.name, alias.target] as const), ...(planned?.aliases(scope) ?? [])]))
    return { hasModel: (model) => models.has(model) || planned?.models.has(model) === true, aliases, providers }
  }
}
