import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { BudgetScope } from './domain/scopes'

/** Budget periods in Postgres: the truth that Redis loads from. */
@Injectable()
export class BudgetStore {
  constructor(private readonly database: Database) {}

  /** Opens the period's row if it is the first call in it, and reads its sums. Primary key look-up; safe to race. */
  async open(tenantId: string, budget: BudgetScope): Promise<{ spentPico: bigint; version: bigint }> {
    return this.database.withTenant(tenantId, async (tx) => {
      await tx.query(
        `INSERT INTO budget_period (tenant_id, scope, period, starts_at, ends_at) VALUES ($1, $2, $3, to_timestamp($4 / 1000.0), to_timestamp($5 / 1000.0)) ON CONFLICT DO NOTHING`,
        [tenantId, budget.scope, budget.period.id, budget.period.startsAtMs, budget.period.endsAtMs],
      )
      const [row] = await tx.query<{ spent_pico: string; version: string }[]>(
        'SELECT spent_pico::text, version::text FROM budget_period WHERE tenant_id = $1 AND scope = $2 AND period = $3',
        [tenantId, budget.scope, budget.period.id],
      )
      return { spentPico: BigInt(row!.spent_pico), version: BigInt(row!.version) }
    })
  }

  /** Sums of all periods that are open at an instant, of all tenants (worker and control plane only). */
  async openPeriods(tenantId: string | null): Promise<{ tenantId: string; scope: string; period: string; spentPico: bigint; version: bigint; endsAtMs: number }[]> {
    const rows = await this.database.asPlatform((tx) =>
      tx.query<{ tenant_id: string; scope: string; period: string; spent_pico: string; version: string; ends_at: Date }[]>(
        `SELECT tenant_id, scope, period, spent_pico::text, version::text, ends_at FROM budget_period
         WHERE ends_at > now() AND ($1::uuid IS NULL OR tenant_id = $1) ORDER BY tenant_id, scope, period`,
        [tenantId],
      ),
    )
    return rows.map((row) => ({ tenantId: row.tenant_id, scope: row.scope, period: row.period, spentPico: BigInt(row.spent_pico), version: BigInt(row.version), endsAtMs: row.ends_at.getTime() }))
  }
}
