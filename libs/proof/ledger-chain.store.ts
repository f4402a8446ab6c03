import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { ChainLink } from './domain/chain'
import { usageHash } from './domain/seal'
import { BY_INDEX_ONLY, LEDGER_COLUMNS, ledgerFact, USAGE_TEXT, type SealedFacts } from './ledger-seal.store'

/** A tenant whose ledger can be walked; `slug` is null for one that was removed and left its books behind. */
export interface ChainOwner {
  readonly id: string
  readonly slug: string | null
}

/** Where a row of the ledger or of usage is. */
export interface RowPlace {
  readonly day: string
  readonly rid: string
  readonly rank: number
}

/** Whole-ledger comparisons read every row of a tenant once. */
const COMPARE_TIMEOUT_MS = 120_000
const DAY = (column: string) => `to_char(${column}, 'YYYY-MM-DD') AS day`

interface LinkRow extends SealedFacts {
  readonly seq: string
  readonly day: string
  readonly rid: string
  readonly rank: number
  readonly usage_hash: string | null
  readonly hash: string
  readonly usage_rank: number
}

/** The chain and the rows it seals, for whoever verifies it (role tg_admin). */
@Injectable()
export class LedgerChainStore {
  constructor(private readonly database: Database) {}

  /** All tenants that have a chain or wait for one, and all that exist; with `id` just that one. By slug. */
  async owners(id: string | null): Promise<ChainOwner[]> {
    // A loose scan: one index probe a tenant, however long its chain is.
    return this.database.query<ChainOwner>(
      `WITH RECURSIVE chained AS (
         (SELECT tenant_id FROM ledger_seal ORDER BY tenant_id LIMIT 1)
         UNION ALL SELECT (SELECT s.tenant_id FROM ledger_seal s WHERE s.tenant_id > c.tenant_id ORDER BY s.tenant_id LIMIT 1) FROM chained c WHERE c.tenant_id IS NOT NULL)
       SELECT k.id, t.slug FROM (
         SELECT tenant_id AS id FROM chained WHERE tenant_id IS NOT NULL UNION SELECT tenant_id FROM ledger_unsealed UNION SELECT id FROM tenant) k
       LEFT JOIN tenant t ON t.id = k.id WHERE $1::uuid IS NULL OR k.id = $1 ORDER BY t.slug, k.id`,
      [id],
    )
  }

  /** The links numbered from after `afterSeq` up to `most` further, in order, with the rows they seal as these are now. */
  async links(tenantId: string, afterSeq: number, most: number): Promise<ChainLink[]> {
    const rows = await this.database.asPlatform(async (tx) => {
      await tx.query(BY_INDEX_ONLY)
      return tx.query<LinkRow[]>(
        `SELECT s.seq::text AS seq, ${DAY('s.day')}, s.rid, s.rank, encode(s.usage_hash, 'hex') AS usage_hash, encode(s.hash, 'hex') AS hash, ${LEDGER_COLUMNS}, u.rank AS usage_rank, ${USAGE_TEXT}
         FROM ledger_seal s
         LEFT JOIN ledger l ON l.day = s.day AND l.rid = s.rid AND l.rank = s.rank
         LEFT JOIN usage u ON u.day = s.day AND u.rid = s.rid
         WHERE s.tenant_id = $1 AND s.seq > $2 AND s.seq <= $3 ORDER BY s.seq`,
        [tenantId, afterSeq, afterSeq + most],
      )
    })
    return rows.map(linkOf)
  }

  /** The number of the next link there is after one; null at the end. Without gaps it is one more. */
  async nextSeq(tenantId: string, afterSeq: number): Promise<number | null> {
    const [row] = await this.database.query<{ seq: string }>('SELECT s.seq::text AS seq FROM ledger_seal s WHERE tenant_id = $1 AND seq > $2 ORDER BY s.seq LIMIT 1', [tenantId, afterSeq])
    return row ? Number(row.seq) : null
  }

  /** The number of the newest link (0 = none) and of rows that wait to be sealed, at one instant. */
  async tail(tenantId: string): Promise<{ lastSeq: number; unsealed: number }> {
    const [row] = await this.database.query<{ last: string; unsealed: string }>(
      `SELECT coalesce((SELECT max(seq) FROM ledger_seal WHERE tenant_id = $1), 0)::text AS last, (SELECT count(*) FROM ledger_unsealed WHERE tenant_id = $1)::text AS unsealed`,
      [tenantId],
    )
    return { lastSeq: Number(row!.last), unsealed: Number(row!.unsealed) }
  }

  /** The first ledger row that neither a link nor the queue knows: it never came the way every row comes, or lost its link. */
  async strayRow(tenantId: string): Promise<RowPlace | null> {
    return this.firstOfAll(
      `SELECT ${DAY('l.day')}, l.rid, l.rank FROM ledger l
       LEFT JOIN ledger_seal s ON s.tenant_id = $1 AND s.day = l.day AND s.rid = l.rid AND s.rank = l.rank
       LEFT JOIN ledger_unsealed q ON q.tenant_id = $1 AND q.day = l.day AND q.rid = l.rid AND q.rank = l.rank
       WHERE l.tenant_id = $1 AND s.rid IS NULL AND q.rid IS NULL ORDER BY l.recorded_at, l.rid, l.rank LIMIT 1`,
      tenantId,
    )
  }

  /** The first row that waits to be sealed and is no longer in the ledger. */
  async lostRow(tenantId: string): Promise<RowPlace | null> {
    const [row] = await this.database.query<RowPlace>(
      `SELECT ${DAY('q.day')}, q.rid, q.rank FROM ledger_unsealed q WHERE q.tenant_id = $1
         AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.day = q.day AND l.rid = q.rid AND l.rank = q.rank) ORDER BY q.day, q.rid LIMIT 1`,
      [tenantId],
    )
    return row ?? null
  }

  /** The first call whose ledger rows do not add up to the amount of its usage row; both are written in one transaction. */
  async unbalancedCall(tenantId: string): Promise<(RowPlace & { readonly kind: 'inserted' | 'removed' | 'altered' }) | null> {
    return this.firstOfAll(
      `SELECT CASE WHEN u.rid IS NULL THEN 'inserted' WHEN l.rid IS NULL THEN 'removed' ELSE 'altered' END AS kind, to_char(coalesce(u.day, l.day), 'YYYY-MM-DD') AS day, coalesce(u.rid, l.rid) AS rid, coalesce(l.rank, u.rank)::int AS rank
       FROM (SELECT day, rid, rank, amount_pico FROM usage WHERE tenant_id = $1) u
       FULL JOIN (SELECT day, rid, max(rank) AS rank, sum(delta_pico) AS billed FROM ledger WHERE tenant_id = $1 GROUP BY day, rid) l ON l.day = u.day AND l.rid = u.rid
       WHERE u.amount_pico IS DISTINCT FROM l.billed ORDER BY 2, 3 LIMIT 1`,
      tenantId,
    )
  }

  /** Compares whole tables. Statistics of a table that only grows lag behind, and a loop planned on them would never end. */
  private async firstOfAll<Row extends RowPlace>(sql: string, tenantId: string): Promise<Row | null> {
    return this.database.asPlatform(async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = ${COMPARE_TIMEOUT_MS}`)
      await tx.query('SET LOCAL enable_nestloop = off')
      const [row] = await tx.query<Row[]>(sql, [tenantId])
      return row ?? null
    })
  }
}

function linkOf(row: LinkRow): ChainLink {
  return {
    seq: Number(row.seq),
    day: row.day,
    rid: row.rid,
    rank: row.rank,
    usageHash: row.usage_hash,
    hash: row.hash,
    ledger: ledgerFact(row),
    usage: row.usage_text === null ? null : { rank: row.usage_rank, hash: usageHash(row.usage_text) },
  }
}
