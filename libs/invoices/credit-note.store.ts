import { Injectable } from '@nestjs/common'
import { Database, violatedConstraint } from '@tollgate/platform/postgres'

/** Money given back of a line of an invoice. Written once, never changed. */
export interface CreditNote {
  readonly tenantId: string
  readonly id: string
  readonly invoiceId: string
  readonly line: number
  readonly amountMinor: bigint
  readonly reason: string
  readonly createdAt: Date
  readonly createdBy: string
}

interface CreditNoteRow {
  readonly tenant_id: string
  readonly id: string
  readonly invoice_id: string
  readonly line: number
  readonly amount_minor: string
  readonly reason: string
  readonly created_at: Date
  readonly created_by: string
}

/** Credit notes in Postgres. The database itself keeps refunds within what was billed (migrations/0013_invoices.sql). */
@Injectable()
export class CreditNoteStore {
  constructor(private readonly database: Database) {}

  /** @returns false when the line has less left than the note gives back */
  async add(note: CreditNote): Promise<boolean> {
    try {
      await this.database.query('INSERT INTO credit_note (tenant_id, id, invoice_id, line, amount_minor, reason, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [
        note.tenantId, note.id, note.invoiceId, note.line, String(note.amountMinor), note.reason, note.createdAt, note.createdBy,
      ])
      return true
    } catch (error) {
      if (violatedConstraint(error) === 'credit_note_is_covered') return false
      throw error
    }
  }

  /** The notes of an invoice, oldest first. */
  async ofInvoice(tenantId: string, invoiceId: string): Promise<CreditNote[]> {
    const rows = await this.database.query<CreditNoteRow>(
      'SELECT tenant_id, id, invoice_id, line, amount_minor::text AS amount_minor, reason, created_at, created_by FROM credit_note WHERE tenant_id = $1 AND invoice_id = $2 ORDER BY id',
      [tenantId, invoiceId],
    )
    return rows.map((row) => ({ tenantId: row.tenant_id, id: row.id, invoiceId: row.invoice_id, line: row.line, amountMinor: BigInt(row.amount_minor), reason: row.reason, createdAt: row.created_at, createdBy: row.created_by }))
  }
}
