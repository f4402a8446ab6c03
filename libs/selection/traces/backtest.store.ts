import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { PromptFeatures } from '@tollgate/routing/rules'

/** A call of the past that a rule set is tried on: the measures of its prompt, and what it used and cost. */
export interface PastCall {
  readonly tenantId: string
  readonly tier: string
  readonly currency: string
  readonly features: PromptFeatures
  readonly model: string
  readonly provider: string
  readonly region: string
  readonly promptTokens: number
  readonly completionTokens: number
  readonly durationMs: number
  readonly amountPico: bigint
}

interface PastCallRow {
  tenant_id: string
  tier: string
  currency: string
  features: PromptFeatures
  model: string
  provider: string
  region: string
  prompt_tokens: string
  completion_tokens: string
  duration_ms: number
  amount_pico: string
}

const FETCH = 2_000
const TIMEOUT_MS = 600_000

// A trace is written seconds after its call ended; the call's day is the UTC date of its admission, the same or the one before.
const CALLS = `DECLARE past NO SCROLL CURSOR FOR
  SELECT t.tenant_id, n.tier, n.currency, t.features, u.model, u.provider, u.region, u.prompt_tokens, u.completion_tokens, u.duration_ms, u.amount_pico
  FROM request_trace t JOIN tenant n ON n.id = t.tenant_id
    JOIN usage u ON u.rid = t.rid AND u.tenant_id = t.tenant_id AND u.day IN ((t.recorded_at AT TIME ZONE 'UTC')::date, (t.recorded_at AT TIME ZONE 'UTC')::date - 1)
  WHERE t.recorded_at >= to_timestamp($1 / 1000.0) AND t.recorded_at < to_timestamp($2 / 1000.0) AND ($3::uuid IS NULL OR t.tenant_id = $3) AND t.features IS NOT NULL AND u.status = 'completed'`

/** Completed calls with the measures of their prompts (role tg_admin). */
@Injectable()
export class BacktestStore {
  constructor(private readonly database: Database) {}

  /** Hands over the calls of a period, some at a time, in no particular order. A null tenant means all. */
  async eachCall(period: { readonly fromMs: number; readonly toMs: number; readonly tenantId: string | null }, take: (calls: readonly PastCall[]) => Promise<void>): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = ${TIMEOUT_MS}`)
      await tx.query(CALLS, [period.fromMs, period.toMs, period.tenantId])
      for (let count = FETCH; count === FETCH; ) {
        const rows = await tx.query<PastCallRow[]>(`FETCH ${FETCH} FROM past`)
        await take(rows.map(pastCall))
        count = rows.length
      }
    })
  }
}

function pastCall(row: PastCallRow): PastCall {
  return {
    tenantId: row.tenant_id,
    tier: row.tier,
    currency: row.currency,
    features: row.features,
    model: row.model,
    provider: row.provider,
    region: row.region,
    promptTokens: Number(row.prompt_tokens),
    completionTokens: Number(row.completion_tokens),
    durationMs: row.duration_ms,
    amountPico: BigInt(row.amount_pico),
  }
}
