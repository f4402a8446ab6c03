import { Injectable } from '@nestjs/common'
import { MoreThan, type EntityManager } from 'typeorm'
import { Database } from '@tollgate/platform/postgres'
import { ApiKeyTable } from './api-key.table'
import type { ApiKey } from './domain/tenant'

/** What a key has cost: in all, and in the running UTC day, week (from Monday) and month. */
export interface KeySpend {
  readonly keyId: string
  readonly totalPico: bigint
  readonly dailyPico: bigint
  readonly weeklyPico: bigint
  readonly monthlyPico: bigint
  /** In the running period of the key's own budget; 0 when it has none. */
  readonly periodPico: bigint
}

/** API keys of a tenant in Postgres, for the control plane. The guard's own look-up is api-key.store.ts. */
@Injectable()
export class KeyStore {
  constructor(private readonly database: Database) {}

  async insert(tenantId: string, key: ApiKey): Promise<void> {
    await this.database.withTenant(tenantId, (tx) => insert(tx, tenantId, key))
  }

  async find(tenantId: string, id: string): Promise<ApiKey | null> {
    return this.database.withTenant(tenantId, (tx) => tx.getRepository(ApiKeyTable).findOneBy({ tenantId, id }))
  }

  /** In order of creation, from after an id; only those a person made when `accountId` is given. */
  async list(tenantId: string, page: { after?: string; limit: number; accountId?: string }): Promise<ApiKey[]> {
    const where = { tenantId, ...(page.accountId ? { accountId: page.accountId } : {}), ...(page.after ? { id: MoreThan(page.after) } : {}) }
    return this.database.withTenant(tenantId, (tx) => tx.getRepository(ApiKeyTable).find({ where, order: { id: 'ASC' }, take: page.limit }))
  }

  async revoke(tenantId: string, id: string, at: Date): Promise<void> {
    await this.database.withTenant(tenantId, (tx) => tx.query('UPDATE api_key SET revoked_at = coalesce(revoked_at, $3) WHERE tenant_id = $1 AND id = $2', [tenantId, id, at]))
  }

  /** The old key ends at `endsAt`, or before if it would anyway, and the new one begins, in one transaction. */
  async replace(tenantId: string, oldId: string, endsAt: Date, key: ApiKey): Promise<void> {
    await this.database.withTenant(tenantId, async (tx) => {
      await tx.query('UPDATE api_key SET expires_at = least(expires_at, $3) WHERE tenant_id = $1 AND id = $2', [tenantId, oldId, endsAt])
      await insert(tx, tenantId, key)
    })
  }

  /** From the daily rollup, which every settlement updates. */
  async spend(tenantId: string, ids: readonly string[]): Promise<KeySpend[]> {
    const rows = await this.database.withTenant(tenantId, (tx) =>
      tx.query<{ key_id: string; total: string; today: string; week: string; month: string; period: string }[]>(
        `SELECT key_id, sum(cost_pico) AS total,
           coalesce((SELECT max(b.spent_pico) FROM budget_period b WHERE b.tenant_id = $1 AND b.scope = 'key:' || key_id AND now() >= b.starts_at AND now() < b.ends_at), 0) AS period,
           coalesce(sum(cost_pico) FILTER (WHERE day >= date_trunc('day', now(), 'UTC')), 0) AS today,
           coalesce(sum(cost_pico) FILTER (WHERE day >= date_trunc('week', now(), 'UTC')), 0) AS week,
           coalesce(sum(cost_pico) FILTER (WHERE day >= date_trunc('month', now(), 'UTC')), 0) AS month
         FROM usage_daily WHERE tenant_id = $1 AND key_id = ANY ($2) GROUP BY key_id`,
        [tenantId, ids],
      ),
    )
    return rows.map((row) => ({
      keyId: row.key_id,
      totalPico: BigInt(row.total),
      dailyPico: BigInt(row.today),
      weeklyPico: BigInt(row.week),
      monthlyPico: BigInt(row.month),
      periodPico: BigInt(row.period),
    }))
  }
}

async function insert(tx: EntityManager, tenantId: string, key: ApiKey): Promise<void> {
  await tx.getRepository(ApiKeyTable).insert({ ...key, tenantId } as never)
}
