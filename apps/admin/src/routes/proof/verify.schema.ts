import { z } from 'zod'
import { slug } from '../../fields.schema'

const head = z
  .strictObject({
    seq: z.number().int('must be a whole number').min(1, 'must be at least 1').max(Number.MAX_SAFE_INTEGER),
    hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'),
  })
  .meta({ description: 'A head that an earlier verification answered and that was kept outside: the chain must still hold it' })

/** Body of `POST /admin/proof/ledger/verify`. */
export const verifyBody = z
  .strictObject({ tenant: slug.optional().meta({ description: 'By default every tenant' }), head: head.optional() })
  .superRefine((body, context) => {
    if (body.head && !body.tenant) context.addIssue({ code: 'custom', path: ['head'], message: 'needs the tenant whose chain it is of' })
  })
  .meta({ id: 'LedgerVerificationInput' })

export type VerifyBody = z.output<typeof verifyBody>
