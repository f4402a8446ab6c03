import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { StoredRuleSet } from './domain/stored-rule-set'
import { RuleSetStore } from './rule-set.store'

/** What an operator or a tenant's admin writes. */
export type WantedRuleSet = Pick<StoredRuleSet, 'tenantId' | 'name' | 'description' | 'isDefault' | 'rules' | 'otherwise' | 'changedBy'>

/** Rule sets for the control plane. Every change is told to every gateway. A null tenant means the operator's. */
@Injectable()
export class RuleSetAdminService {
  constructor(
    private readonly store: RuleSetStore,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async list(tenantId: string | null): Promise<StoredRuleSet[]> {
    return this.store.list(tenantId)
  }

  /** @throws RefusalError object_not_found */
  async get(tenantId: string | null, name: string): Promise<StoredRuleSet> {
    const set = (await this.store.list(tenantId)).find((one) => one.name === name)
    if (!set) throw new RefusalError(refuse('object_not_found', { object: 'Rule set', name }))
    return set
  }

  /** Creates or replaces. Whether its names lead somewhere is checked by the caller: models belong to another room. */
  async put(wanted: WantedRuleSet): Promise<StoredRuleSet> {
    const set: StoredRuleSet = { ...wanted, id: this.ids.uuid(), changedAt: new Date(this.clock.now()) }
    await this.store.put(set)
    await this.notices.publish({ topic: 'catalog' })
    return set
  }

  /** @throws RefusalError object_not_found */
  async remove(tenantId: string | null, name: string): Promise<void> {
    if (!(await this.store.remove(tenantId, name))) throw new RefusalError(refuse('object_not_found', { object: 'Rule set', name }))
    await this.notices.publish({ topic: 'catalog' })
  }
}
