import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { BudgetScope } from './domain/scopes'

/** Notes of refusals this process remembers to have made. */
const MOST_NOTED = 50_000

/** Budget periods in Postgres: the truth that Redis loads from. */
@Injectable()
export class BudgetStore {
  private readonly noted = new Set<string>()

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

  /**
   * Notes that a call was refused for want of this budget, once a limit: later refusals cost nothing. Does not wait, and
   * a note that Postgres did not take comes with the next refusal.
   */
  noteRefused(tenantId: string, { scope, period, maxPico }: BudgetScope): void {
    const name = `${tenantId} ${scope} ${period.id} ${maxPico}`
    if (this.noted.has(name)) return
    if (this.noted.size >= MOST_NOTED) this.noted.clear()
    this.noted.add(name)
    const sql = 'UPDATE budget_period SET refused_limit_pico = $4 WHERE tenant_id = $1 AND scope = $2 AND period = $3 AND refused_limit_pico IS DISTINCT FROM $4'
    this.database.withTenant(tenantId, (tx) => tx.query(sql, [tenantId, scope, period.id, String(maxPico)])).catch(() => this.noted.delete(name))
  }

  /** Sums of all open periods that anything was spent in, of all tenants, and the time of Postgres (worker only). */
  async openSums(): Promise<{ sums: OpenSum[]; nowMs: number }> {
    return this.database.asPlatform(async (tx) => {
      const rows = await tx.query<{ tenant_id: string; bucket: number; scope: string; period: string; spent_pico: string; version: string }[]>(
        `SELECT b.tenant_id, t.bucket, b.scope, b.period, b.spent_pico::text, b.version::text FROM budget_period b JOIN tenant t ON t.id = b.tenant_id
         WHERE b.ends_at > now() AND b.version > 0`,
      )
      const [clock] = await tx.query<{ now_ms: string }[]>('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now_ms')
      const sums = rows.map((row) => ({ tenantId: row.tenant_id, bucket: row.bucket, budget: `${row.scope}|${row.period}`, spentPico: BigInt(row.spent_pico), version: BigInt(row.version) }))
      return { sums, nowMs: Number(clock!.now_ms) }
    })
  }
}

/** A budget's committed sum, with the bucket its tenant lives in. */
export interface OpenSum {
  readonly tenantId: string
  readonly bucket: number
  /** `scope|period`. */
  readonly budget: string
  readonly spentPico: bigint
  readonly version: bigint
}
