import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'

const MOST_A_RUN = 1_000

/** What the worker does to conversations (role tg_worker): it forgets them and wraps their keys, and can read no text. */
@Injectable()
export class UpkeepStore {
  constructor(private readonly database: Database) {}

  /** Deletes what has expired, turns too, oldest first by conversation_expiry_idx; at most 1 000 a run. Answers how many. Several workers may run it. */
  async purge(now: Date): Promise<number> {
    const [, rows] = (await this.database.query(
      `DELETE FROM conversation WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM conversation WHERE expires_at <= $1 ORDER BY expires_at LIMIT ${MOST_A_RUN}) AND expires_at <= $1`,
      [now],
    )) as [unknown, number]
    return rows
  }

  /** Wrapped keys that do not begin with `prefix`, by tenant from after one. */
  async keysOtherwise(prefix: Buffer, after: string | null, limit: number): Promise<{ tenantId: string; wrapped: Buffer }[]> {
    return this.database.query('SELECT tenant_id AS "tenantId", wrapped FROM conversation_key WHERE substring(wrapped FROM 1 FOR $2) <> $1 AND ($3::uuid IS NULL OR tenant_id > $3) ORDER BY tenant_id LIMIT $4', [prefix, prefix.length, after, limit])
  }

  async replaceKey(tenantId: string, former: Buffer, next: Buffer): Promise<number> {
    const [, count] = (await this.database.query('UPDATE conversation_key SET wrapped = $3 WHERE tenant_id = $1 AND wrapped = $2', [tenantId, former, next])) as [unknown, number]
    return count
  }
}
