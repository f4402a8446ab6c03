import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { InvoiceProject, InvoiceTerms, LineKind } from './domain/invoice'

/** An invoice as it is stored; nothing of it ever changes. */
export interface InvoiceRecord {
  readonly terms: InvoiceTerms
  /** The canonical JSON that was hashed. */
  readonly document: string
  readonly sha256: string
  readonly totalMinor: bigint
  /** The first link of the chain that it leaves for a later one. */
  readonly openSeq: number
  readonly issuedBy: string
}

/** A line as the database knows it, for what must hold between rows. */
export interface StoredLine {
  readonly kind: LineKind
  readonly projectId: string | null
  readonly model: string
  readonly priceId: string | null
  readonly amountMinor: bigint
}

/** Where a list of invoices begins and how far it goes; without a tenant, those of all. */
export interface InvoicePage {
  readonly tenantId?: string
  readonly after?: string
  readonly limit: number
}

interface InvoiceRow {
  readonly tenant_id: string
  readonly id: string
  readonly number: number
  readonly tenant_slug: string
  readonly tenant_name: string
  readonly period: string
  readonly starts_at: string
  readonly ends_at: string
  readonly time_zone: string
  readonly currency: string
  readonly minor_digits: number
  readonly first_seq: string
  readonly after_seq: string
  readonly cutoff_seq: string
  readonly open_seq: string
  readonly head: string | null
  readonly projects: readonly InvoiceProject[] | null
  readonly previous_id: string | null
  readonly previous_sha256: string | null
  readonly total_minor: string
  readonly document: string
  readonly sha256: string
  readonly issued_at: string
  readonly issued_by: string
}

/** RFC 3339 with milliseconds, as JavaScript writes instants. */
const instant = (column: string, name = column) => `to_char(i.${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${name}`

/** The head is read from the chain and not from the invoice, so that a replay sees a chain that was changed. */
const SELECT = `SELECT i.tenant_id, i.id, i.number, i.tenant_slug, i.tenant_name, i.period, ${instant('starts_at')}, ${instant('ends_at')}, i.time_zone, i.currency, i.minor_digits,
    i.first_seq::text, i.after_seq::text, i.cutoff_seq::text, i.open_seq::text, i.total_minor::text, i.document, i.sha256, ${instant('issued_at')}, i.issued_by, i.projects,
    encode(s.hash, 'hex') AS head, p.id AS previous_id, p.sha256 AS previous_sha256
  FROM invoice i
  LEFT JOIN invoice p ON p.tenant_id = i.tenant_id AND p.number = i.previous_number
  LEFT JOIN ledger_seal s ON s.tenant_id = i.tenant_id AND s.seq = i.cutoff_seq`

/** Issued invoices in Postgres, read by the control plane. */
@Injectable()
export class InvoiceStore {
  constructor(private readonly database: Database) {}

  /** @param tenantId when given, another tenant's invoice is not there */
  async get(id: string, tenantId?: string): Promise<InvoiceRecord | null> {
    return this.database.asPlatform((tx) => findInvoice(tx, id, tenantId))
  }

  /** In the order of ids, which is the order of issue. */
  async list({ tenantId, after, limit }: InvoicePage): Promise<InvoiceRecord[]> {
    const rows = await this.database.query<InvoiceRow>(`${SELECT} WHERE ($1::uuid IS NULL OR i.tenant_id = $1) AND ($2::uuid IS NULL OR i.id > $2) ORDER BY i.id LIMIT $3`, [tenantId ?? null, after ?? null, limit])
    return rows.map(recordOf)
  }
}

/** One invoice by its id. */
export async function findInvoice(tx: Tx, id: string, tenantId?: string): Promise<InvoiceRecord | null> {
  const [row] = await tx.query<InvoiceRow[]>(`${SELECT} WHERE i.id = $1 AND ($2::uuid IS NULL OR i.tenant_id = $2)`, [id, tenantId ?? null])
  return row ? recordOf(row) : null
}

/** The tenant's latest invoice. */
export async function lastInvoice(tx: Tx, tenantId: string): Promise<InvoiceRecord | null> {
  const [row] = await tx.query<InvoiceRow[]>(`${SELECT} WHERE i.tenant_id = $1 ORDER BY i.number DESC LIMIT 1`, [tenantId])
  return row ? recordOf(row) : null
}

/** Writes an invoice and its lines. The database checks what must hold between them, and with the invoice before. */
export async function insertInvoice(tx: Tx, { terms, ...record }: InvoiceRecord, lines: readonly StoredLine[]): Promise<void> {
  const { tenant, coverage } = terms
  await tx.query(
    `INSERT INTO invoice (tenant_id, id, number, tenant_slug, tenant_name, period, starts_at, ends_at, time_zone, currency, minor_digits, first_seq, after_seq, cutoff_seq, open_seq, line_count, total_minor, document, sha256, issued_at, issued_by, projects)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`,
    [
      ...[tenant.id, terms.id, terms.number, tenant.slug, tenant.name, terms.period, terms.startsAt, terms.endsAt, terms.timeZone, terms.currency, terms.minorDigits],
      ...[coverage.firstSeq, coverage.afterSeq, coverage.cutoffSeq, record.openSeq, lines.length, String(record.totalMinor), record.document, record.sha256, terms.issuedAt, record.issuedBy, terms.projects && JSON.stringify(terms.projects)],
    ],
  )
  await tx.query(
    `INSERT INTO invoice_line (tenant_id, invoice_id, line, kind, model, price_id, amount_minor, project_id)
     SELECT $1, $2, l.line, l.kind, l.model, l.price_id, l.amount_minor, l.project_id FROM unnest($3::text[], $4::text[], $5::uuid[], $6::numeric[], $7::uuid[]) WITH ORDINALITY AS l(kind, model, price_id, amount_minor, project_id, line)`,
    [tenant.id, terms.id, lines.map(({ kind }) => kind), lines.map(({ model }) => model), lines.map(({ priceId }) => priceId), lines.map(({ amountMinor }) => String(amountMinor)), lines.map(({ projectId }) => projectId)],
  )
}

function recordOf(row: InvoiceRow): InvoiceRecord {
  return {
    terms: {
      id: row.id,
      number: row.number,
      tenant: { id: row.tenant_id, slug: row.tenant_slug, name: row.tenant_name },
      period: row.period,
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      timeZone: row.time_zone,
      currency: row.currency,
      minorDigits: row.minor_digits,
      issuedAt: row.issued_at,
      coverage: { firstSeq: Number(row.first_seq), afterSeq: Number(row.after_seq), cutoffSeq: Number(row.cutoff_seq), head: row.head },
      previous: row.previous_id === null ? null : { id: row.previous_id, sha256: row.previous_sha256! },
      projects: row.projects,
    },
    document: row.document,
    sha256: row.sha256,
    totalMinor: BigInt(row.total_minor),
    openSeq: Number(row.open_seq),
    issuedBy: row.issued_by,
  }
}
