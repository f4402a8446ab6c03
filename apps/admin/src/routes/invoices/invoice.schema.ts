import { z } from 'zod'
import { idPageQuery, slug, wholePositive } from '../../fields.schema'

/** What an invoice is of. */
export const month = z.string().regex(/^20\d{2}-(0[1-9]|1[0-2])$/, 'must be a month such as 2026-11').meta({ description: "Month in the tenant's time zone", example: '2026-11' })

/** Body of `POST /admin/tenants/{tenant}/invoices`. */
export const issueBody = z
  .strictObject({
    period: month,
    force: z.boolean().default(false).meta({ description: 'Do not let the month rest for 26 hours; what comes late stands on the next invoice' }),
  })
  .meta({ id: 'NewInvoice' })

/** Body of `POST /admin/invoices/{id}/credit-notes`. */
export const creditBody = z
  .strictObject({
    line: wholePositive(1_000_000),
    amount: z.string('must be a decimal string such as "1.50"').max(20).meta({ description: "Decimal string with at most the digits of the invoice's currency", example: '1.50' }),
    reason: z.string().trim().min(1, 'must say why').max(500),
  })
  .meta({ id: 'NewCreditNote' })

export const invoiceQuery = idPageQuery.extend({ tenant: slug.optional() })

/** `json` is the very bytes that were hashed. */
export const documentQuery = z.strictObject({ format: z.enum(['json', 'csv', 'html'], 'must be json, csv or html').default('json') })

export const lineRequestsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50), after: z.string().regex(/^\d{1,15}$/, 'must be what `next` gave').optional() })

export type IssueBody = z.output<typeof issueBody>
export type CreditBody = z.output<typeof creditBody>
export type InvoiceQuery = z.output<typeof invoiceQuery>
export type DocumentQuery = z.output<typeof documentQuery>
export type LineRequestsQuery = z.output<typeof lineRequestsQuery>
