import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { month } from './invoice.schema'

/** Of the canonical document. */
export const sha256Reply = z.string().regex(/^[0-9a-f]{64}$/)

// A string to the compiler, as in the document's own type.
const formatReply: z.ZodType<string> = z.enum(['tollgate invoice 1', 'tollgate invoice 2'])
const roundingReply: z.ZodType<string> = z.literal('half-even, once per line')
const tokensReply = z.string().regex(/^-?\d+$/).meta({ description: 'Whole number as a string; below zero in adjustments' })
const perMillionReply = moneyReply.meta({ description: 'Decimal string per million tokens' })
const perClassReply = perMillionReply.nullable().meta({ description: 'Null: billed as its parent' })

/** What lines come to. */
const amounts = { exact: moneyReply.meta({ description: "The ledger's own sum" }), amount: moneyReply.meta({ description: 'The same, rounded to the minor unit' }), residue: moneyReply.meta({ description: 'exact less amount' }) }

/** The price row of a line, as it was when the invoice was issued. */
const invoicePriceReply = z
  .strictObject({
    id: z.uuid(),
    book: z.string(),
    model: z.string(),
    provider: z.string().nullable(),
    region: z.string().nullable(),
    tier: z.string().nullable(),
    effective_at: instantTextReply,
    source: z.string(),
    input_per_million: perMillionReply,
    output_per_million: perMillionReply,
    cached_input_per_million: perClassReply,
    cache_write_per_million: perClassReply,
    reasoning_per_million: perClassReply,
    per_request: moneyReply,
    gpu_second: moneyReply.nullable(),
  })
  .meta({ id: 'InvoicePrice' })

const invoiceProjectReply = z
  .strictObject({ id: z.uuid(), slug: z.string().nullable(), name: z.string().nullable() })
  .meta({ id: 'InvoiceProject', description: 'slug and name are null where it was removed before the invoice was issued' })
  .nullable()
  .meta({ description: 'Null: calls of no project' })

/** A line of a document. */
export const invoiceLineReply = z
  .strictObject({
    line: z.int(),
    kind: z.enum(['usage', 'adjustment']).meta({ description: 'An adjustment is what came late for calls of an earlier period' }),
    model: z.string(),
    price: invoicePriceReply.nullable(),
    requests: z.int(),
    tokens: z.strictObject({ prompt: tokensReply, cached: tokensReply, cache_write: tokensReply, completion: tokensReply, reasoning: tokensReply }),
    ...amounts,
    project: invoiceProjectReply.optional().meta({ description: 'Not in the first format, whose lines are by model and price alone' }),
  })
  .meta({ id: 'InvoiceLine' })

/** The document of an invoice, as it is hashed (libs/invoices/README.md). */
export const invoiceDocumentReply = z
  .strictObject({
    format: formatReply,
    id: z.uuid(),
    number: z.int().meta({ description: '1, 2, 3 … of the tenant, without a gap' }),
    tenant: z.strictObject({ id: z.uuid(), slug: z.string(), name: z.string() }),
    period: z.strictObject({ name: month, starts_at: instantTextReply, ends_at: instantTextReply, time_zone: z.string() }),
    currency: z.string(),
    rounding: z.strictObject({ rule: roundingReply, digits: z.int() }),
    issued_at: instantTextReply,
    ledger: z.strictObject({ first_seq: z.int(), after_seq: z.int(), cutoff_seq: z.int(), head: sha256Reply.nullable() }).meta({ description: "Links of the tenant's hash chain; head is the hash of link cutoff_seq" }),
    previous: z.strictObject({ id: z.uuid(), sha256: sha256Reply }).nullable(),
    lines: z.array(invoiceLineReply),
    by_project: z.array(z.strictObject({ project: invoiceProjectReply, requests: z.int(), total: z.strictObject(amounts) })).optional().meta({ description: 'Not in the first format' }),
    requests_without_charge: z.int(),
    requests: z.int(),
    total: z.strictObject(amounts),
  })
  .meta({ id: 'InvoiceDocument' })
