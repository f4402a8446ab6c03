import { mayGrant, type RoleName } from './permissions'

/** Somebody who may log in. `tenantId` null = an operator. The same e-mail address cannot belong to two. */
export interface Account {
  readonly id: string
  readonly tenantId: string | null
  readonly email: string
  readonly passwordHash: string
  readonly role: string
  readonly isDisabled: boolean
  readonly createdAt: Date
}

/** Who is logged in, read from Postgres for every request: a token says who, never what they may do. */
export interface Principal {
  readonly accountId: string
  readonly sessionId: string
  readonly email: string
  readonly role: RoleName
  readonly tenantId: string | null
  readonly tenantSlug: string | null
}

/** The role of an account with its realm. */
export function roleOf(account: Pick<Account, 'tenantId' | 'role'>): RoleName {
  return `${account.tenantId === null ? 'platform' : 'tenant'}:${account.role}` as RoleName
}

/** May somebody create, change or remove a person of this realm and role? Tenant people only within their tenant. */
export function mayManage(manager: Pick<Principal, 'role' | 'tenantId'>, person: Pick<Account, 'tenantId' | 'role'>): boolean {
  if (manager.tenantId !== null && manager.tenantId !== person.tenantId) return false
  return mayGrant(manager.role, roleOf(person))
}
