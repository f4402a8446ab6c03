import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { ChainHead } from './domain/chain'
import type { LedgerFact } from './domain/seal'

/** A ledger row to be sealed, with the usage row it booked (null = a higher rank has replaced that one). */
export interface WaitingRow {
  readonly fact: LedgerFact
  readonly usage: string | null
}

/** A link as it is inserted. Hashes are hex. */
export interface NewSeal {
  readonly fact: LedgerFact
  readonly seq: number
  readonly usageHash: string | null
  readonly hash: string
}

/** Where a batch is sealed: one transaction, in which this worker is the only one that seals. */
export interface SealBatch {
  readonly rows: readonly WaitingRow[]
  readonly heads: ReadonlyMap<string, ChainHead>
}

/** A worker that stands still in mid-batch is cut off after this long, so that another can seal. */
const MOST_IDLE_MS = 10_000

/**
 * For one transaction: rows of a batch are looked up by their keys. The planner otherwise prefers, now and then, to hash
 * a whole month of usage for each batch.
 */
export const BY_INDEX_ONLY = `SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

const US = (column: string) => `(extract(epoch FROM ${column}) * 1000000)::bigint::text`

/** Every column of a usage row beside its key, as exact text, in the order they are hashed. */
const USAGE_COLUMNS: readonly string[] = [
  ...['rank', 'amount_pico', 'budgets', 'project_id', 'key_id', 'surface', 'requested_model', 'model', 'provider', 'region', 'host', 'status', 'error_code', 'finish_reason', 'is_stream'],
  ...['prompt_tokens', 'completion_tokens', 'cached_tokens', 'cache_write_tokens', 'reasoning_tokens', 'usage_source', 'raw_usage', 'flags', 'price_id', 'duration_ms', 'first_event_ms', 'attempts'],
].map((column) => `u.${column}::text`)

/** One of several calls for one request: migration 0100. */
const IS_VERSION_3 = 'u.parent_rid IS NOT NULL'
/** Rows from before migration 0030, and calls that went nowhere. */
const IS_VERSION_1 = 'u.model_digest IS NULL AND u.allowed_regions IS NULL'
const byVersion = (third: string, first: string, second: string) => `CASE WHEN ${IS_VERSION_3} THEN ${third} WHEN ${IS_VERSION_1} THEN ${first} ELSE ${second} END`

/**
 * The text that is hashed of a usage row (`usage_text`, null without one), for a SELECT that joins usage as `u`. A column
 * that a later migration adds is not sealed until it is named here, under a new version of the text: rows of before have
 * none of it and keep theirs, so a row that loses it no longer matches its link. Postgres writes it because thirty columns a row cost a reader more than one; `array_to_json` is as compact as JSON.stringify.
 */
export const USAGE_TEXT = `CASE WHEN u.rid IS NOT NULL THEN array_to_json(
    ARRAY[${byVersion(`'tollgate usage 3'`, `'tollgate usage 1'`, `'tollgate usage 2'`)}, ${[...USAGE_COLUMNS, US('u.started_at'), US('u.recorded_at')].join(', ')}]
    || ${byVersion('ARRAY[u.model_digest, u.allowed_regions::text, u.parent_rid::text]', `'{}'`, 'ARRAY[u.model_digest, u.allowed_regions::text]')})::text END AS usage_text`
/** The ledger columns of a `LedgerFact`, for a SELECT that joins the ledger as `l`. */
export const LEDGER_COLUMNS = `l.tenant_id AS ledger_tenant, to_char(l.day, 'YYYY-MM-DD') AS ledger_day, l.rid AS ledger_rid, l.rank AS ledger_rank, l.delta_pico::text AS delta_pico, ${US('l.recorded_at')} AS recorded_at_us`

/** A row of such a SELECT; the columns of a side that is not there are null. */
export interface SealedFacts {
  readonly ledger_tenant: string | null
  readonly ledger_day: string
  readonly ledger_rid: string
  readonly ledger_rank: number
  readonly delta_pico: string
  readonly recorded_at_us: string
  readonly usage_text: string | null
}

/** The ledger row of a row; null when it is gone. */
export function ledgerFact(row: SealedFacts): LedgerFact | null {
  if (row.ledger_tenant === null) return null
  return { tenantId: row.ledger_tenant, day: row.ledger_day, rid: row.ledger_rid, rank: row.ledger_rank, deltaPico: row.delta_pico, recordedAtUs: row.recorded_at_us }
}

/** The queue of unsealed ledger rows and the chain, for the worker (role tg_worker). */
@Injectable()
export class LedgerSealStore {
  constructor(private readonly database: Database) {}

  /**
   * Hands the oldest waiting rows and the heads of their tenants' chains to `link` and inserts what it answers, all in
   * one transaction. The lock makes this the only worker that seals; another one finds nothing to do.
   * @returns how many rows were sealed
   */
  async seal(most: number, link: (batch: SealBatch) => readonly NewSeal[]): Promise<number> {
    return this.database.asPlatform(async (tx) => {
      await tx.query(`SET LOCAL idle_in_transaction_session_timeout = ${MOST_IDLE_MS}`)
      await tx.query(BY_INDEX_ONLY)
      const [lock] = await tx.query<{ is_mine: boolean }[]>(`SELECT pg_try_advisory_xact_lock(hashtextextended('tollgate ledger seal', 0)) AS is_mine`)
      if (!lock!.is_mine) return 0
      const rows = await take(tx, most)
      if (rows.length === 0) return 0
      await insert(tx, link({ rows, heads: await headsOf(tx, [...new Set(rows.map(({ fact }) => fact.tenantId))]) }))
      return rows.length
    })
  }
}

/**
 * Takes rows out of the queue with all that is hashed. A queued row whose ledger row is gone stays, as evidence that
 * `verify` names. Ordered by tenant and time; the order only has to be one.
 */
async function take(tx: Tx, most: number): Promise<WaitingRow[]> {
  const rows = await tx.query<SealedFacts[]>(
    `WITH taken AS MATERIALIZED (
       DELETE FROM ledger_unsealed WHERE ctid = ANY (ARRAY(
         SELECT q.ctid FROM ledger_unsealed q WHERE EXISTS (SELECT 1 FROM ledger l WHERE l.day = q.day AND l.rid = q.rid AND l.rank = q.rank) LIMIT $1))
       RETURNING day, rid, rank)
     SELECT ${LEDGER_COLUMNS}, ${USAGE_TEXT}
     FROM taken t
     JOIN ledger l ON l.day = t.day AND l.rid = t.rid AND l.rank = t.rank
     LEFT JOIN usage u ON u.day = t.day AND u.rid = t.rid AND u.rank = t.rank
     ORDER BY l.tenant_id, l.recorded_at, l.rid, l.rank`,
    [most],
  )
  return rows.map((row) => ({ fact: ledgerFact(row)!, usage: row.usage_text }))
}

async function headsOf(tx: Tx, tenants: readonly string[]): Promise<Map<string, ChainHead>> {
  const rows = await tx.query<{ tenant_id: string; seq: string; hash: string }[]>(
    `SELECT t.tenant_id, s.seq::text AS seq, encode(s.hash, 'hex') AS hash FROM unnest($1::uuid[]) t(tenant_id)
     CROSS JOIN LATERAL (SELECT seq, hash FROM ledger_seal WHERE ledger_seal.tenant_id = t.tenant_id ORDER BY seq DESC LIMIT 1) s`,
    [tenants],
  )
  return new Map(rows.map((row) => [row.tenant_id, { seq: Number(row.seq), hash: row.hash }]))
}

async function insert(tx: Tx, seals: readonly NewSeal[]): Promise<void> {
  const column = <T>(pick: (seal: NewSeal) => T) => seals.map(pick)
  await tx.query(
    `INSERT INTO ledger_seal (tenant_id, seq, day, rid, rank, usage_hash, hash)
     SELECT tenant_id, seq, day, rid, rank, decode(usage_hash, 'hex'), decode(hash, 'hex')
     FROM unnest($1::uuid[], $2::bigint[], $3::date[], $4::uuid[], $5::smallint[], $6::text[], $7::text[]) s(tenant_id, seq, day, rid, rank, usage_hash, hash)`,
    [column((s) => s.fact.tenantId), column((s) => s.seq), column((s) => s.fact.day), column((s) => s.fact.rid), column((s) => s.fact.rank), column((s) => s.usageHash), column((s) => s.hash)],
  )
}
