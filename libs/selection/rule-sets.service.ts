import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import { KeptRecords, Snapshot } from '@tollgate/platform/snapshot'
import { effectiveSets, type StoredRuleSet } from './domain/stored-rule-set'
import { RuleSetStore } from './rule-set.store'

type Sets = ReadonlyMap<string, StoredRuleSet>

interface TenantSets {
  readonly own: readonly StoredRuleSet[]
}

const TENANT_TERMS = { most: 20_000, freshMs: 10_000, staleMs: Infinity, mostReadMs: 5_000 }

/** Rule sets from memory. A tenant's own are read once per tenant and ten seconds; while Postgres is away the last known serve on. */
@Injectable()
export class RuleSetsService {
  private readonly shared: Snapshot<readonly StoredRuleSet[]>
  private readonly tenants: KeptRecords<TenantSets>
  /** By the tenant's own, as read: thousands of calls have the same. */
  private readonly effective = new WeakMap<TenantSets, { readonly shared: readonly StoredRuleSet[]; readonly sets: Sets }>()

  constructor(
    private readonly store: RuleSetStore,
    notices: ChangeNotices,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.shared = new Snapshot(() => store.shared())
    this.tenants = new KeptRecords(TENANT_TERMS, clock)
    notices.listen(({ topic }) => {
      if (topic !== 'catalog') return
      this.tenants.clear()
      this.shared.refreshQuietly()
    })
  }

  /** Loads the operator's sets; called at boot and by a timer. */
  async refresh(): Promise<void> {
    await this.shared.refresh()
  }

  /** The sets that hold for a tenant. Rejects only for a tenant that was never read while Postgres is away. */
  async of(tenantId: string): Promise<Sets> {
    const tenant = (await this.tenants.get(tenantId, async () => ({ own: await this.store.ofTenant(tenantId) })))!
    const shared = this.shared.current()
    const known = this.effective.get(tenant)
    if (known?.shared === shared) return known.sets
    const sets = effectiveSets(shared, tenant.own)
    this.effective.set(tenant, { shared, sets })
    return sets
  }
}
