import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { KeyRecord } from './domain/caller-record'

/** API keys as the guard needs them. */
@Injectable()
export class ApiKeyStore {
  constructor(private readonly database: Database) {}

  /** The key with its tenant and projects, by public id; null when there is none. One indexed look-up. */
  async find(publicId: string): Promise<KeyRecord | null> {
    const [row] = await this.database.query<{ record: KeyRecord | null }>('SELECT find_api_key($1) AS record', [publicId])
    return row?.record ?? null
  }

  /** Remembers the day of last use, at most once a day and key. */
  async touch(tenantId: string, keyId: string, day: string): Promise<void> {
    await this.database.withTenant(tenantId, (tx) => tx.query('UPDATE api_key SET last_used_on = $3 WHERE tenant_id = $1 AND id = $2 AND last_used_on IS DISTINCT FROM $3::date', [tenantId, keyId, day]))
  }
}
