import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { CreditGrant, CreditStanding } from './domain/grant'

interface Row {
  readonly id: string
  readonly amount: string
  readonly reason: string
  readonly granted_by: string
  readonly granted_at: Date
}

/** Grants of credit in Postgres: written once, never changed (migration 0016). */
@Injectable()
export class CreditStore {
  constructor(private readonly database: Database) {}

  /** A trigger refuses what takes back more than is unspent (`credit_grant_is_unspent`), and a sum beyond all sense (`credit_grant_total_range`). */
  async insert(tenantId: string, grant: CreditGrant): Promise<void> {
    await this.database.withTenant(tenantId, (tx) =>
      tx.query('INSERT INTO credit_grant (tenant_id, id, amount_pico, reason, granted_by, granted_at) VALUES ($1, $2, $3, $4, $5, $6)', [tenantId, grant.id, grant.amountPico.toString(), grant.reason, grant.grantedBy, grant.grantedAt]),
    )
  }

  /** Latest first, from before an id. Ids are made in the order of time. */
  async list(tenantId: string, page: { after?: string; limit: number }): Promise<CreditGrant[]> {
    const rows = await this.database.withTenant(tenantId, (tx) =>
      tx.query<Row[]>(
        'SELECT id, amount_pico::text AS amount, reason, granted_by, granted_at FROM credit_grant WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3',
        [tenantId, page.after ?? null, page.limit],
      ),
    )
    return rows.map((row) => ({ id: row.id, amountPico: BigInt(row.amount), reason: row.reason, grantedBy: row.granted_by, grantedAt: row.granted_at }))
  }

  async standing(tenantId: string): Promise<CreditStanding> {
    const [row] = await this.database.withTenant(tenantId, (tx) =>
      tx.query<{ granted: string; spent: string }[]>(
        `SELECT (SELECT coalesce(sum(amount_pico), 0)::text FROM credit_grant WHERE tenant_id = $1) AS granted,
           (SELECT coalesce(max(spent_pico), 0)::text FROM budget_period WHERE tenant_id = $1 AND scope = 'credit' AND period = 'always') AS spent`,
        [tenantId],
      ),
    )
    return { grantedPico: BigInt(row!.granted), spentPico: BigInt(row!.spent) }
  }
}
