import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { Conversation, Owner } from './domain/conversation'

/** A conversation as stored: title and system text are sealed in `head`. */
export type StoredConversation = Omit<Conversation, 'title' | 'system'> & { readonly head: Buffer }

/** Columns of a conversation under the names of the domain. */
export const CONVERSATION_COLUMNS = `id, project_id AS "projectId", model, allowed_regions AS "allowedRegions", head, turns, bytes::float8 AS bytes, uses_vision AS "usesVision", uses_tools AS "usesTools",
  ttl_seconds AS "ttlSeconds", created_at AS "createdAt", updated_at AS "updatedAt", expires_at AS "expiresAt"`

/** Which conversation, as `$1` tenant, `$2` project of the key or null, `$3` id, `$4` now: an expired one is not there. */
export const THIS_ONE = 'tenant_id = $1 AND ($2::uuid IS NULL OR project_id = $2) AND id = $3 AND expires_at > $4'

/** Conversations and data keys of a tenant in Postgres, each statement within its row security. What has expired is never answered. */
@Injectable()
export class ConversationStore {
  constructor(private readonly database: Database) {}

  /** The tenant's wrapped data key; the first who asks puts `fresh` there. */
  async key(tenantId: string, fresh: () => Buffer): Promise<Buffer> {
    return this.database.withTenant(tenantId, async (tx) => (await readKey(tx, tenantId)) ?? this.makeKey(tx, tenantId, fresh()))
  }

  /** Answers false when the tenant has `most` already, or erased its key meanwhile. */
  async insert(tenantId: string, row: StoredConversation, most: number): Promise<boolean> {
    return this.database.withTenant(tenantId, async (tx) => {
      const made = await tx.query<unknown[]>(
        `INSERT INTO conversation (tenant_id, id, project_id, model, allowed_regions, head, ttl_seconds, created_at, updated_at, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $8, $9 FROM conversation_key WHERE tenant_id = $1 AND (SELECT count(*) FROM conversation WHERE tenant_id = $1) < $10 RETURNING id`,
        [tenantId, row.id, row.projectId, row.model, row.allowedRegions, row.head, row.ttlSeconds, row.createdAt, row.expiresAt, most],
      )
      return made.length > 0
    })
  }

  async find({ tenantId, projectId }: Owner, id: string, now: Date): Promise<StoredConversation | null> {
    const [row] = await this.database.withTenant(tenantId, (tx) => tx.query<StoredConversation[]>(`SELECT ${CONVERSATION_COLUMNS} FROM conversation WHERE ${THIS_ONE}`, [tenantId, projectId, id, now]))
    return row ?? null
  }

  /** Newest first, from before an id. */
  async list({ tenantId, projectId }: Owner, page: { after?: string; limit: number }, now: Date): Promise<StoredConversation[]> {
    return this.database.withTenant(tenantId, (tx) =>
      tx.query<StoredConversation[]>(
        `SELECT ${CONVERSATION_COLUMNS} FROM conversation WHERE tenant_id = $1 AND ($2::uuid IS NULL OR project_id = $2) AND expires_at > $3 AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5`,
        [tenantId, projectId, now, page.after ?? null, page.limit],
      ),
    )
  }

  async setModel({ tenantId, projectId }: Owner, id: string, model: string, now: Date): Promise<boolean> {
    const [, count] = await this.database.withTenant(tenantId, (tx) => tx.query<[unknown, number]>(`UPDATE conversation SET model = $5, updated_at = $4 WHERE ${THIS_ONE}`, [tenantId, projectId, id, now, model]))
    return count > 0
  }

  /** The turns go with it. A turn that runs finds its place gone and is not kept. */
  async remove({ tenantId, projectId }: Owner, id: string, now: Date): Promise<boolean> {
    const [, count] = await this.database.withTenant(tenantId, (tx) => tx.query<[unknown, number]>(`DELETE FROM conversation WHERE ${THIS_ONE}`, [tenantId, projectId, id, now]))
    return count > 0
  }

  /** Everything of the owner; of a whole tenant its data key too, so that what a backup holds cannot be opened with it. Answers how many went. */
  async erase({ tenantId, projectId }: Owner): Promise<number> {
    return this.database.withTenant(tenantId, async (tx) => {
      const [, count] = await tx.query<[unknown, number]>('DELETE FROM conversation WHERE tenant_id = $1 AND ($2::uuid IS NULL OR project_id = $2)', [tenantId, projectId])
      if (projectId === null) await tx.query('DELETE FROM conversation_key WHERE tenant_id = $1', [tenantId])
      return count
    })
  }

  private async makeKey(tx: Tx, tenantId: string, fresh: Buffer): Promise<Buffer> {
    await tx.query('INSERT INTO conversation_key (tenant_id, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING', [tenantId, fresh])
    return (await readKey(tx, tenantId))!
  }
}

/** The wrapped data key of a tenant, or null. */
export async function readKey(tx: Tx, tenantId: string): Promise<Buffer | null> {
  const [row] = await tx.query<{ wrapped: Buffer }[]>('SELECT wrapped FROM conversation_key WHERE tenant_id = $1', [tenantId])
  return row?.wrapped ?? null
}
