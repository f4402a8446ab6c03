import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { BilledEntry, InvoicePrice, InvoiceProject, InvoiceTerms, LineKind } from './domain/invoice'

/** A year of a large tenant; a month of a million calls takes well under a minute. */
const READ_TIMEOUT_MS = 600_000

/**
 * The chain is walked by its key and each link's rows are looked up by theirs, in the order the joins are written: the work
 * grows with one tenant's links and not with everybody's tables, and a page of requests stops when it is full.
 */
const ALONG_THE_CHAIN = `SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('join_collapse_limit', '1', true), set_config('statement_timeout', '${READ_TIMEOUT_MS}', true)`

/** The links that an invoice has; the numbers are those of `parametersOf`. `s` walks the primary key of the chain. */
const COVERED = `s.tenant_id = $1 AND s.seq BETWEEN $2 AND $3 AND u.started_at < $4 AND (u.started_at >= $5 OR s.seq > $6)`

/**
 * One row a call: the final link, or the estimate's where the final one is not in this invoice. `e` is an estimate that
 * an invoice has billed: this one's (then usage may long say something else) or, beside a final link, an earlier one's.
 * `f` is the estimate's ledger row where both came within one invoice.
 */
const BILLED = `FROM ledger_seal s
  JOIN usage u ON u.day = s.day AND u.rid = s.rid
  JOIN ledger l ON l.day = s.day AND l.rid = s.rid AND l.rank = s.rank
  LEFT JOIN invoice_estimate e ON e.tenant_id = s.tenant_id AND e.day = s.day AND e.rid = s.rid
  LEFT JOIN ledger f ON s.rank = 1 AND e.rid IS NULL AND f.day = s.day AND f.rid = s.rid AND f.rank = 0
  WHERE ${COVERED} AND (s.rank = 1 OR e.invoice_id = $7)`

const AMOUNT = 'l.delta_pico + coalesce(f.delta_pico, 0)'
const KIND = `CASE WHEN u.started_at >= $5 THEN 'usage' ELSE 'adjustment' END`
const PRICE = 'CASE WHEN s.rank = 0 THEN e.price_id ELSE u.price_id END'
const TOKENS = ['prompt', 'cached', 'cache_write', 'completion', 'reasoning'] as const
const tokens = (name: string) => `CASE WHEN s.rank = 0 THEN e.${name}_tokens ELSE u.${name}_tokens - coalesce(e.${name}_tokens, 0) END`

type TokenRow = Readonly<Record<`${(typeof TOKENS)[number]}_tokens`, string>>

interface EntryRow extends TokenRow {
  readonly kind: LineKind
  readonly project_id: string | null
  readonly model: string
  readonly price_id: string | null
  readonly is_billed: boolean
  readonly requests: string
  readonly amount_pico: string
}

/** A call of a line, with what this invoice asks for it. */
export interface LineRequest {
  /** Number of its link in the tenant's chain: what a list goes on from. */
  readonly seq: number
  readonly rid: string
  readonly startedAt: Date
  readonly amountPico: bigint
}

/** What lines are told apart by. */
export interface LineKey {
  readonly kind: LineKind
  /** Undefined = of whatever project: an invoice of the first form. */
  readonly projectId: string | null | undefined
  readonly model: string
  readonly priceId: string | null
}

/** The ledger as one transaction sees it, unchanging while an invoice is computed from it. */
export class LedgerSnapshot {
  constructor(readonly tx: Tx) {}

  /** Ledger rows of calls begun before an instant that no link seals yet. Without any, the chain holds all there is. */
  async unsealed(tenantId: string, endsAt: string): Promise<number> {
    const [row] = await this.tx.query<{ count: string }[]>(`SELECT count(*)::text AS count FROM ledger_unsealed q JOIN usage u ON u.day = q.day AND u.rid = q.rid WHERE q.tenant_id = $1 AND u.started_at < $2`, [tenantId, endsAt])
    return Number(row!.count)
  }

  /** When the first call in `[from, to)` began; null = there was none. Null for `from` = since ever. */
  async firstCall(tenantId: string, from: string | null, to: string): Promise<Date | null> {
    const [row] = await this.tx.query<{ started_at: Date }[]>(`SELECT u.started_at FROM usage u WHERE u.tenant_id = $1 AND u.started_at >= coalesce($2::timestamptz, '-infinity') AND u.started_at < $3 ORDER BY u.started_at LIMIT 1`, [tenantId, from, to])
    return row?.started_at ?? null
  }

  /** The end of the chain (0 = there is none), and the first link from `firstSeq` on whose call began at `endsAt` or later. */
  async links(tenantId: string, firstSeq: number, endsAt: string): Promise<{ cutoffSeq: number; head: string | null; openSeq: number }> {
    const [end] = await this.tx.query<{ seq: string; hash: string }[]>(`SELECT s.seq::text AS seq, encode(s.hash, 'hex') AS hash FROM ledger_seal s WHERE s.tenant_id = $1 ORDER BY s.seq DESC LIMIT 1`, [tenantId])
    const cutoffSeq = Number(end?.seq ?? 0)
    const [open] = await this.tx.query<{ seq: string }[]>(
      `SELECT s.seq::text AS seq FROM ledger_seal s JOIN usage u ON u.day = s.day AND u.rid = s.rid WHERE s.tenant_id = $1 AND s.seq BETWEEN $2 AND $3 AND u.started_at >= $4 ORDER BY s.seq LIMIT 1`,
      [tenantId, firstSeq, cutoffSeq, endsAt],
    )
    return { cutoffSeq, head: end?.hash ?? null, openSeq: Number(open?.seq ?? cutoffSeq + 1) }
  }

  /** Keeps what usage says of the estimates that this invoice bills, before `entries` is asked. */
  async keepEstimates(terms: InvoiceTerms): Promise<void> {
    await this.tx.query(
      `INSERT INTO invoice_estimate (tenant_id, day, rid, invoice_id, price_id, prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, reasoning_tokens)
       SELECT s.tenant_id, s.day, s.rid, $7, u.price_id, u.prompt_tokens, u.cached_tokens, u.cache_write_tokens, u.completion_tokens, u.reasoning_tokens
       FROM ledger_seal s JOIN usage u ON u.day = s.day AND u.rid = s.rid WHERE ${COVERED} AND s.rank = 0 AND u.rank = 0`,
      parametersOf(terms),
    )
  }

  /** What these projects are called now; those that are gone are left out. */
  async projects(tenantId: string, ids: readonly string[]): Promise<InvoiceProject[]> {
    return this.tx.query('SELECT id, slug, name FROM project WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id', [tenantId, ids])
  }

  /** What the invoice bills, folded by line. */
  async entries(terms: InvoiceTerms): Promise<BilledEntry[]> {
    const rows = await this.tx.query<EntryRow[]>(
      `SELECT ${KIND} AS kind, u.project_id, u.model, ${PRICE} AS price_id, ${AMOUNT} <> 0 AS is_billed, count(*)::text AS requests, sum(${AMOUNT})::text AS amount_pico,
         ${TOKENS.map((name) => `sum(${tokens(name)})::text AS ${name}_tokens`).join(', ')}
       ${BILLED} GROUP BY 1, 2, 3, 4, 5`,
      parametersOf(terms),
    )
    return rows.map(entryOf)
  }

  /** The plain sum of the ledger rows that the invoice covers, found without any of the rules above. */
  async ledgerPico(terms: InvoiceTerms): Promise<bigint> {
    const [row] = await this.tx.query<{ sum: string }[]>(
      `SELECT coalesce(sum(l.delta_pico), 0)::text AS sum FROM ledger_seal s JOIN usage u ON u.day = s.day AND u.rid = s.rid JOIN ledger l ON l.day = s.day AND l.rid = s.rid AND l.rank = s.rank WHERE ${COVERED}`,
      parametersOf(terms).slice(0, 6),
    )
    return BigInt(row!.sum)
  }

  /** Calls of one line in the order of the chain, from after a link. */
  async requests(terms: InvoiceTerms, { kind, projectId, model, priceId }: LineKey, page: { afterSeq: number; limit: number }): Promise<LineRequest[]> {
    const rows = await this.tx.query<{ seq: string; rid: string; started_at: Date; amount_pico: string }[]>(
      `SELECT s.seq::text AS seq, s.rid, u.started_at, (${AMOUNT})::text AS amount_pico
       ${BILLED} AND s.seq > $8 AND ${KIND} = $9 AND u.model = $10 AND ${PRICE} IS NOT DISTINCT FROM $11::uuid AND ${AMOUNT} <> 0 AND ($13 OR u.project_id IS NOT DISTINCT FROM $14::uuid) ORDER BY s.seq LIMIT $12`,
      [...parametersOf(terms), page.afterSeq, kind, model, priceId, page.limit, projectId === undefined, projectId ?? null],
    )
    return rows.map((row) => ({ seq: Number(row.seq), rid: row.rid, startedAt: row.started_at, amountPico: BigInt(row.amount_pico) }))
  }

  /** Price rows by id. Rows are permanent, so what an invoice named is there for ever. */
  async prices(ids: readonly string[]): Promise<Map<string, InvoicePrice>> {
    const rows = await this.tx.query<Record<string, string | null>[]>(
      `SELECT p.id, p.book, p.model, p.provider, p.region, p.tier, to_char(p.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS effective_at, p.source,
         p.input_pico::text, p.output_pico::text, p.cached_input_pico::text, p.cache_write_pico::text, p.reasoning_pico::text, p.per_request_pico::text, p.gpu_second_pico::text
       FROM price p WHERE p.id = ANY ($1::uuid[])`,
      [ids],
    )
    return new Map(rows.map((row) => [row.id!, priceOf(row)]))
  }
}

/** Opens snapshots. */
@Injectable()
export class LedgerSnapshotStore {
  constructor(private readonly database: Database) {}

  /** Runs `work` in one transaction that sees the database as it was at its beginning, and commits what it wrote. */
  async within<T>(work: (ledger: LedgerSnapshot) => Promise<T>): Promise<T> {
    return this.database.asPlatform(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
      await tx.query(ALONG_THE_CHAIN)
      return work(new LedgerSnapshot(tx))
    })
  }
}

function parametersOf({ tenant, coverage, startsAt, endsAt, id }: InvoiceTerms): unknown[] {
  return [tenant.id, coverage.firstSeq, coverage.cutoffSeq, endsAt, startsAt, coverage.afterSeq, id]
}

function entryOf(row: EntryRow): BilledEntry {
  return {
    kind: row.kind,
    projectId: row.project_id,
    model: row.model,
    priceId: row.price_id,
    isBilled: row.is_billed,
    requests: Number(row.requests),
    amountPico: BigInt(row.amount_pico),
    promptTokens: BigInt(row.prompt_tokens),
    cachedTokens: BigInt(row.cached_tokens),
    cacheWriteTokens: BigInt(row.cache_write_tokens),
    completionTokens: BigInt(row.completion_tokens),
    reasoningTokens: BigInt(row.reasoning_tokens),
  }
}

function priceOf(row: Readonly<Record<string, string | null>>): InvoicePrice {
  const pico = (name: string) => (row[name] === null ? null : BigInt(row[name]!))
  return {
    id: row.id!,
    book: row.book!,
    model: row.model!,
    provider: row.provider!,
    region: row.region!,
    tier: row.tier!,
    effectiveAt: row.effective_at!,
    source: row.source!,
    inputPico: pico('input_pico')!,
    outputPico: pico('output_pico')!,
    cachedInputPico: pico('cached_input_pico'),
    cacheWritePico: pico('cache_write_pico'),
    reasoningPico: pico('reasoning_pico'),
    perRequestPico: pico('per_request_pico')!,
    gpuSecondPico: pico('gpu_second_pico'),
  }
}
