import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import { CONVERSATION_COLUMNS, readKey, THIS_ONE, type StoredConversation } from './conversation.store'
import type { Owner } from './domain/conversation'

/** A turn as stored. */
export interface StoredTurn {
  readonly seq: number
  readonly rid: string
  readonly model: string
  readonly sealed: Buffer
  readonly createdAt: Date
}

/** A conversation that a request has taken for its turn, with what a prompt may need of it and the key that opens it. */
export interface TakenConversation {
  readonly conversation: StoredConversation
  readonly turns: readonly StoredTurn[]
  readonly wrapped: Buffer
}

const TURN = 'seq, rid, model, sealed, created_at AS "createdAt"'

/**
 * Turns of conversations in Postgres. Several gateways agree by the conversation's row alone: a request takes it (one
 * UPDATE), extends its lease while it runs, and adds its turn only if nobody else has taken it or added one since.
 * Leases run by Postgres's clock.
 */
@Injectable()
export class TurnStore {
  constructor(private readonly database: Database) {}

  /** Null = it is not there; `busy` = another request has it. A lease that ran out, and one of the same request, may be taken over. */
  async take({ tenantId, projectId }: Owner, id: string, rid: string, now: Date, limits: { leaseMs: number; mostBytes: number }): Promise<TakenConversation | 'busy' | null> {
    return this.database.withTenant(tenantId, async (tx) => {
      const [taken] = await tx.query<[StoredConversation[], number]>(
        `UPDATE conversation SET busy_rid = $5, busy_until = clock_timestamp() + $6 * interval '1 ms' WHERE ${THIS_ONE} AND (busy_rid IS NULL OR busy_rid = $5 OR busy_until <= clock_timestamp()) RETURNING ${CONVERSATION_COLUMNS}`,
        [tenantId, projectId, id, now, rid, limits.leaseMs],
      )
      const conversation = taken[0]
      if (!conversation) return (await tx.query<unknown[]>(`SELECT FROM conversation WHERE ${THIS_ONE}`, [tenantId, projectId, id, now])).length > 0 ? 'busy' : null
      const turns = await tx.query<StoredTurn[]>(
        `SELECT ${TURN} FROM (SELECT *, sum(octet_length(sealed)) OVER (ORDER BY seq DESC) AS upto FROM conversation_turn WHERE tenant_id = $1 AND conversation_id = $2) t WHERE upto <= $3 ORDER BY seq`,
        [tenantId, id, limits.mostBytes],
      )
      return { conversation, turns, wrapped: (await readKey(tx, tenantId))! }
    })
  }

  /** Adds the next turn and lets go. False, and nothing written, when the conversation went or another has it. */
  async append(tenantId: string, { id, turns }: Pick<StoredConversation, 'id' | 'turns'>, turn: StoredTurn, uses: { vision: boolean; tools: boolean }): Promise<boolean> {
    return this.database.withTenant(tenantId, async (tx) => {
      const [, count] = await tx.query<[unknown, number]>(
        `UPDATE conversation SET turns = turns + 1, bytes = bytes + $5, uses_vision = uses_vision OR $6, uses_tools = uses_tools OR $7, busy_rid = NULL, busy_until = NULL,
           updated_at = $8, expires_at = $8::timestamptz + ttl_seconds * interval '1 s'
         WHERE tenant_id = $1 AND id = $2 AND turns = $3 AND (busy_rid IS NULL OR busy_rid = $4)`,
        [tenantId, id, turns, turn.rid, turn.sealed.length, uses.vision, uses.tools, turn.createdAt],
      )
      if (count === 0) return false
      await tx.query('INSERT INTO conversation_turn (tenant_id, conversation_id, seq, rid, model, sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)', [tenantId, id, turn.seq, turn.rid, turn.model, turn.sealed, turn.createdAt])
      return true
    })
  }

  /** Lets go without a turn. */
  async release(tenantId: string, id: string, rid: string): Promise<void> {
    await this.database.withTenant(tenantId, (tx) => tx.query('UPDATE conversation SET busy_rid = NULL, busy_until = NULL WHERE tenant_id = $1 AND id = $2 AND busy_rid = $3', [tenantId, id, rid]))
  }

  async extend(tenantId: string, taken: readonly { readonly id: string; readonly rid: string }[], leaseMs: number): Promise<void> {
    await this.database.withTenant(tenantId, (tx) =>
      tx.query(
        `UPDATE conversation c SET busy_until = clock_timestamp() + $4 * interval '1 ms' FROM unnest($2::uuid[], $3::uuid[]) AS held (id, rid) WHERE c.tenant_id = $1 AND c.id = held.id AND c.busy_rid = held.rid`,
        [tenantId, taken.map(({ id }) => id), taken.map(({ rid }) => rid), leaseMs],
      ),
    )
  }

  /** Turns in order, from after one; with the key that opens them. */
  async list(tenantId: string, id: string, page: { after: number; limit: number }): Promise<{ turns: StoredTurn[]; wrapped: Buffer | null }> {
    return this.database.withTenant(tenantId, async (tx) => ({
      turns: await tx.query<StoredTurn[]>(`SELECT ${TURN} FROM conversation_turn WHERE tenant_id = $1 AND conversation_id = $2 AND seq > $3 ORDER BY seq LIMIT $4`, [tenantId, id, page.after, page.limit]),
      wrapped: await readKey(tx, tenantId),
    }))
  }
}
