import { RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import type { Database } from '@tollgate/platform/postgres'
import { AccountService } from './account.service'
import { AccountStore } from './account.store'

/**
 * Adds the first operator, a platform owner, outside any app: `migrate` does it from TOLLGATE_OPERATOR_EMAIL and
 * _PASSWORD. @returns false when the address is known already; its password is then left alone
 */
export async function addFirstOperator(database: Database, clock: Clock, ids: Ids, operator: { email: string; password: string }): Promise<boolean> {
  try {
    await new AccountService(new AccountStore(database), clock, ids).create('system', { tenantId: null, ...operator, role: 'owner' })
    return true
  } catch (error) {
    if (error instanceof RefusalError && error.refusal.code === 'object_conflict') return false
    throw error
  }
}
