import { instantReply, moneyReply, pageReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import type { CreditGrant } from '@tollgate/credit'
import { decimalFromPico } from '@tollgate/kernel'
import { billing } from '../tenants/tenant.schema'

/** A grant as the wire has it. */
export const grantReply = z
  .strictObject({
    id: z.uuid(),
    amount: moneyReply.meta({ description: 'Decimal string; below zero it took back what was unspent' }),
    reason: z.string(),
    granted_by: z.uuid().meta({ description: 'Account' }),
    granted_at: instantReply,
  })
  .meta({ id: 'CreditGrant' })

export function grantWire(grant: CreditGrant): z.output<typeof grantReply> {
  return { id: grant.id, amount: decimalFromPico(grant.amountPico), reason: grant.reason, granted_by: grant.grantedBy, granted_at: grant.grantedAt }
}

/** A grant just booked; warnings only where there are any. */
export const bookedGrantReply = grantReply.extend({ currency: z.string(), warnings: z.array(z.string()).optional() }).meta({ id: 'BookedCreditGrant' })

const { data: grants, has_more, next } = pageReply(grantReply).shape

/** What a tenant was granted, has spent and has left, with a page of its grants. */
export const creditReply = z
  .strictObject({
    billing: billing.meta({ description: 'The credit bounds calls while it is prepaid' }),
    granted: moneyReply,
    spent: moneyReply.meta({ description: 'What is booked, decimal string' }),
    reserved: moneyReply.nullable().meta({ description: 'What running and not yet booked calls hold of the balance; null: not known at the moment' }),
    balance: moneyReply.meta({ description: 'Granted less spent, decimal string' }),
    currency: z.string(),
    grants: grants.meta({ description: 'Latest first' }),
    has_more,
    next,
  })
  .meta({ id: 'Credit' })
