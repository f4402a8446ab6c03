import { isUuid, refuse, RefusalError } from '@tollgate/kernel'
import type { Account } from '@tollgate/tenants/people'
import type { ChangePersonBody } from './person.schema'

/** A person as the wire has it: never a password or its hash. */
export function personWire(account: Account) {
  return { id: account.id, email: account.email, role: account.role, is_disabled: account.isDisabled, created_at: account.createdAt }
}

/** Fields of a change in the domain's names. */
export function personFields(body: ChangePersonBody) {
  return { role: body.role, password: body.password, isDisabled: body.is_disabled }
}

/** An id of a path; a malformed one is answered like one that does not exist. */
export function accountId(text: string): string {
  if (!isUuid(text)) throw new RefusalError(refuse('object_not_found', { object: 'Account', name: text }))
  return text
}
