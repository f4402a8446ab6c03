import { minorText, type CreditNote, type InvoiceDocument, type InvoiceRecord, type Replay } from '@tollgate/invoices'
import { instantReply, instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { invoiceDocumentReply, invoiceLineReply, sha256Reply } from './invoice-document.wire'
import { month } from './invoice.schema'

/** An invoice; its lines are in its document. */
export const invoiceReply = z
  .strictObject({
    id: z.uuid(),
    number: z.int(),
    tenant: z.string(),
    period: month,
    starts_at: instantTextReply,
    ends_at: instantTextReply,
    currency: z.string(),
    total: moneyReply,
    issued_at: instantTextReply,
    sha256: sha256Reply,
  })
  .meta({ id: 'Invoice' })

/** Money given back of a line. */
export const creditNoteReply = z
  .strictObject({ id: z.uuid(), invoice_id: z.uuid(), line: z.int(), amount: moneyReply, currency: z.string(), reason: z.string(), created_at: instantReply, created_by: z.uuid() })
  .meta({ id: 'CreditNote' })

/** An invoice's document, and what has been given back of it. */
export const invoiceDetailReply = invoiceDocumentReply
  .extend({
    sha256: sha256Reply,
    lines: z.array(invoiceLineReply.extend({ credited: moneyReply })),
    credited: moneyReply,
    balance: moneyReply,
    credit_notes: z.array(creditNoteReply),
  })
  .meta({ id: 'InvoiceDetail' })

/** What a replay found. */
export const replayReply = z
  .strictObject({
    id: z.uuid(),
    issued_sha256: sha256Reply,
    sha256: sha256Reply,
    equal: z.boolean(),
    differences: z
      .array(z.strictObject({ path: z.string(), issued: z.unknown(), recomputed: z.unknown() }))
      .readonly()
      .meta({ description: 'Places where the database now says something else, at most 100; a side that lacks the place is null' }),
  })
  .meta({ id: 'InvoiceReplay' })

/** An invoice as the wire has it. */
export function invoiceWire({ terms, sha256, totalMinor }: InvoiceRecord): z.output<typeof invoiceReply> {
  return {
    id: terms.id,
    number: terms.number,
    tenant: terms.tenant.slug,
    period: terms.period,
    starts_at: terms.startsAt,
    ends_at: terms.endsAt,
    currency: terms.currency,
    total: minorText(totalMinor, terms.minorDigits),
    issued_at: terms.issuedAt,
    sha256,
  }
}

/** An invoice with what has been given back of it. The document itself is at `…/document`, byte for byte. */
export function invoiceDetailWire(record: InvoiceRecord, notes: readonly CreditNote[]): z.output<typeof invoiceDetailReply> {
  const document = JSON.parse(record.document) as InvoiceDocument
  const text = (minor: bigint) => minorText(minor, record.terms.minorDigits)
  const credited = (line?: number) => notes.reduce((sum, note) => (line === undefined || note.line === line ? sum + note.amountMinor : sum), 0n)
  return {
    ...document,
    sha256: record.sha256,
    lines: document.lines.map((line) => ({ ...line, credited: text(credited(line.line)) })),
    credited: text(credited()),
    balance: text(record.totalMinor - credited()),
    credit_notes: notes.map((note) => creditNoteWire(note, record)),
  }
}

/** A credit note, in the currency of its invoice. */
export function creditNoteWire(note: CreditNote, { terms }: InvoiceRecord): z.output<typeof creditNoteReply> {
  const { id, invoiceId, line, amountMinor, reason, createdAt, createdBy } = note
  return { id, invoice_id: invoiceId, line, amount: minorText(amountMinor, terms.minorDigits), currency: terms.currency, reason, created_at: createdAt, created_by: createdBy }
}

/** What a replay found: equal, or every place where the database now says something else. */
export function replayWire({ invoice, sha256, isEqual, differences }: Replay): z.output<typeof replayReply> {
  return { id: invoice.terms.id, issued_sha256: invoice.sha256, sha256, equal: isEqual, differences }
}
