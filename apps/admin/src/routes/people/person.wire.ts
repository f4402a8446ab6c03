import { instantReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { isUuid, refuse, RefusalError } from '@tollgate/kernel'
import { PLATFORM_ROLES, TENANT_ROLES } from '@tollgate/tenants/domain'
import type { Account } from '@tollgate/tenants/people'
import type { ChangePersonBody } from './person.schema'

const personReply = z.strictObject({ id: z.uuid(), email: z.string(), role: z.string(), is_disabled: z.boolean(), created_at: instantReply })

/** An operator as the wire has it: never a password or its hash. */
export const staffReply = personReply.extend({ role: z.string().meta({ enum: PLATFORM_ROLES }) }).meta({ id: 'Staff' })

/** As `staffReply`, of a tenant. */
export const memberReply = personReply.extend({ role: z.string().meta({ enum: TENANT_ROLES }) }).meta({ id: 'Member' })

/** Of either realm. */
export function personWire(account: Account): z.output<typeof personReply> {
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
