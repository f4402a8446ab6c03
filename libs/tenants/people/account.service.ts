import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { mayManage, type Account, type Principal } from '../domain/person'
import { hashPassword } from '../password-hash'
import { AccountStore } from './account.store'

/** A person to be added. `tenantId` null = an operator. */
export interface NewAccount {
  readonly tenantId: string | null
  readonly email: string
  readonly password: string
  readonly role: string
}

/** Who acts: a person whose rights bound what they may do, or the system itself (first-run seeding). */
export type Actor = Principal | 'system'

/** People of the platform and of tenants. Refusals are thrown, since every caller is a route or seeding. */
@Injectable()
export class AccountService {
  constructor(
    private readonly store: AccountStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @throws RefusalError object_conflict for a taken address, permission_denied for a role above one's own */
  async create(actor: Actor, { tenantId, email, password, role }: NewAccount): Promise<Account> {
    demandManage(actor, { tenantId, role })
    const account: Account = { id: this.ids.uuid(), tenantId, email: email.toLowerCase(), passwordHash: await hashPassword(password), role, isDisabled: false, createdAt: new Date(this.clock.now()) }
    try {
      await this.store.insert(account)
    } catch (error) {
      if (violatedConstraint(error) === 'account_email_key') throw new RefusalError(refuse('object_conflict', { object: 'Account', name: account.email }))
      throw error
    }
    return account
  }

  async list(tenantId: string | null, page: { after?: string; limit: number }): Promise<Account[]> {
    return this.store.list(tenantId, page)
  }

  /** @throws RefusalError object_not_found, also for a person of another tenant */
  async get(tenantId: string | null, id: string): Promise<Account> {
    const account = await this.store.find(tenantId, id)
    if (!account) throw new RefusalError(refuse('object_not_found', { object: 'Account', name: id }))
    return account
  }

  /** Changes role, password or standing; the person's sessions end. Both the old and the new role must be manageable. */
  async change(actor: Actor, tenantId: string | null, id: string, changes: { role?: string; password?: string; isDisabled?: boolean }): Promise<Account> {
    const account = await this.get(tenantId, id)
    const role = changes.role ?? account.role
    demandManage(actor, account)
    demandManage(actor, { tenantId, role })
    const isStillOwner = role === 'owner' && !(changes.isDisabled ?? account.isDisabled)
    if (account.role === 'owner' && !isStillOwner) await this.demandAnotherOwner(account)
    const passwordHash = changes.password === undefined ? account.passwordHash : await hashPassword(changes.password)
    const changed = { role, passwordHash, isDisabled: changes.isDisabled ?? account.isDisabled }
    await this.store.change(tenantId, id, changed)
    return { ...account, ...changed }
  }

  async remove(actor: Actor, tenantId: string | null, id: string): Promise<void> {
    const account = await this.get(tenantId, id)
    demandManage(actor, account)
    if (account.role === 'owner') await this.demandAnotherOwner(account)
    await this.store.remove(tenantId, id)
  }

  /** The platform without an owner could never be given one again. A tenant may: its operators can. */
  private async demandAnotherOwner(account: Account): Promise<void> {
    if (account.tenantId !== null || (await this.store.countOthers(null, 'owner', account.id)) > 0) return
    throw new RefusalError(refuse('object_in_use', { object: 'Account', name: account.email, reason: 'it is the last owner.' }))
  }
}

function demandManage(actor: Actor, person: Pick<Account, 'tenantId' | 'role'>): void {
  if (actor !== 'system' && !mayManage(actor, person)) throw new RefusalError(refuse('permission_denied', { permission: `managing the role ${person.role}` }))
}
