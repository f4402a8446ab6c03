import { Inject, Injectable } from '@nestjs/common'
import { canonicalModel, refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { AliasEntry } from './alias.table'
import { judgeAlias } from './domain/alias-rule'
import { EntryStore } from './entry.store'
import { TariffStore, type AliasScope } from './tariff.store'

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

  /**
   * Creates or re-points an alias.
   * @param tenantTier the tier whose aliases a tenant's alias may lean on @param providers ids of known providers
   * @throws RefusalError invalid_request when the target ends nowhere or in a circle, or the name is a model's
   */
  async put(scope: AliasScope, name: string, target: string, { tenantTier, providers }: { tenantTier: string | null; providers: ReadonlySet<string> }): Promise<AliasEntry> {
    const models = new Set((await this.entries.list()).map((entry) => entry.name))
    const tier = scope.tier ?? tenantTier
    const own = await this.store.aliases(scope)
    const ofTier = tier === null ? [] : await this.store.aliases({ tenantId: null, tier })
    const platform = await this.store.aliases({ tenantId: null, tier: null })
    const maps = [own, ofTier, platform].map((aliases) => new Map(aliases.map((alias) => [alias.name, alias.target])))
    const problem = judgeAlias({ name, target }, { hasModel: (model) => models.has(model), aliases: maps, providers })
    if (problem) throw new RefusalError(refuse('invalid_request', { reason: `${problem.path} ${problem.message}.` }, { details: { errors: [problem] } }))
    const alias: AliasEntry = { id: this.ids.uuid(), ...scope, name: canonicalModel(name), target: canonicalModel(target), createdAt: new Date(this.clock.now()) }
    await this.store.putAlias(alias)
    await this.notices.publish({ topic: 'catalog' })
    return alias
  }

  /** @throws RefusalError object_not_found */
  async remove(scope: AliasScope, name: string): Promise<void> {
    if (!(await this.store.removeAlias(scope, name))) throw new RefusalError(refuse('object_not_found', { object: 'Alias', name }))
    await this.notices.publish({ topic: 'catalog' })
  }
}
