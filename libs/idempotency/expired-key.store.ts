import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'

const MOST_A_RUN = 10_000
const KEYS = { idempotent_call: 'tenant_id, route, key_hash', idempotent_mutation: 'account_id, route, key_hash' }

/** Forgets keys of both planes after their 24 hours (role tg_worker). A key is free at that moment whether this ran or not. */
@Injectable()
export class ExpiredKeyStore {
  constructor(private readonly database: Database) {}

  /** Answers how many rows went; at most 10 000 of each table a run, oldest first by the index on expires_at. Several workers may run it. */
  async purge(): Promise<number> {
    let purged = 0
    for (const [table, key] of Object.entries(KEYS)) {
      const [, rows] = await this.database.query<unknown>(
        `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE expires_at <= now() AND leased_until <= now() ORDER BY expires_at LIMIT ${MOST_A_RUN})
           AND expires_at <= now()`,
      )
      purged += Number(rows)
    }
    return purged
  }
}
