import { minorText, type CreditNote, type InvoiceDocument, type InvoiceRecord, type Replay } from '@tollgate/invoices'

/** An invoice in a list. */
export function invoiceWire({ terms, sha256, totalMinor }: InvoiceRecord) {
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
export function invoiceDetailWire(record: InvoiceRecord, notes: readonly CreditNote[]) {
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
export function creditNoteWire(note: CreditNote, { terms }: InvoiceRecord) {
  const { id, invoiceId, line, amountMinor, reason, createdAt, createdBy } = note
  return { id, invoice_id: invoiceId, line, amount: minorText(amountMinor, terms.minorDigits), currency: terms.currency, reason, created_at: createdAt, created_by: createdBy }
}

/** What a replay found: equal, or every place where the database now says something else. */
export function replayWire({ invoice, sha256, isEqual, differences }: Replay) {
  return { id: invoice.terms.id, issued_sha256: invoice.sha256, sha256, equal: isEqual, differences }
}
