import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { ReportGroup, ReportQuery, ReportSums } from './domain/cost-report'

const DAY_MS = 86_400_000
/** Reports may not hold up anybody else. */
const REPORT_TIMEOUT_MS = 5_000
const MOST_LINES = 10_000

/** Column of each group in a rollup; times are written as RFC 3339. */
const EXPRESSIONS: Readonly<Record<ReportGroup, string>> = {
  model: 'model',
  project: `CASE WHEN project_id = '00000000-0000-0000-0000-000000000000' THEN '' ELSE project_id::text END`,
  api_key: 'key_id::text',
  region: 'region',
  provider: 'provider',
  host: 'host',
  day: `to_char(date_trunc('day', at, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
  hour: `to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"')`,
}

interface SumRow {
  requests: string
  failures: string
  prompt_tokens: string
  completion_tokens: string
  cached_tokens: string
  reasoning_tokens: string
  cost_pico: string
  duration_ms: string
  durations: string[]
  [group: string]: string | string[]
}

/** Sums over the rollups of one tenant. The primary key leads with tenant and time, so a period is one index range. */
@Injectable()
export class ReportStore {
  constructor(private readonly database: Database) {}

  async sums(tenantId: string, query: ReportQuery, groupBy: readonly ReportGroup[]): Promise<ReportSums[]> {
    const isDaily = query.fromMs % DAY_MS === 0 && query.toMs % DAY_MS === 0 && !groupBy.includes('hour')
    const [table, column] = isDaily ? ['usage_daily', 'day'] : ['usage_hourly', 'hour']
    const groups = groupBy.map((group) => `${EXPRESSIONS[group]} AS "${group}"`)
    const durations = Array.from({ length: 12 }, (_, i) => `sum(durations[${i + 1}])`).join(', ')
    const sql = `SELECT ${groups.map((group) => `${group}, `).join('')}sum(requests)::text AS requests, sum(failures)::text AS failures,
        sum(prompt_tokens)::text AS prompt_tokens, sum(completion_tokens)::text AS completion_tokens, sum(cached_tokens)::text AS cached_tokens,
        sum(reasoning_tokens)::text AS reasoning_tokens, sum(cost_pico)::text AS cost_pico, sum(duration_ms)::text AS duration_ms, ARRAY[${durations}]::text[] AS durations
      FROM (SELECT *, ${column} AS at FROM ${table} WHERE tenant_id = $1 AND ${column} >= to_timestamp($2 / 1000.0) AND ${column} < to_timestamp($3 / 1000.0)) rollup
      ${groupBy.length > 0 ? `GROUP BY ${groupBy.map((_, i) => i + 1).join(', ')} ORDER BY ${groupBy.map((_, i) => i + 1).join(', ')}` : ''} LIMIT ${MOST_LINES}`
    const rows = await this.database.withTenant(tenantId, async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = ${REPORT_TIMEOUT_MS}`)
      return tx.query<SumRow[]>(sql, [tenantId, query.fromMs, query.toMs])
    })
    return rows.map((row) => sumsOf(row, groupBy))
  }

  /** Requests, failures and summed duration per model over a period: what `/models` shows as stats. */
  async modelStats(tenantId: string, fromMs: number, toMs: number): Promise<ReadonlyMap<string, { requests: number; failures: number; durationMs: number }>> {
    const sums = await this.sums(tenantId, { fromMs, toMs, groupBy: ['model'] }, ['model'])
    return new Map(sums.map((line) => [line.group.model!, { requests: line.requests, failures: line.failures, durationMs: line.durationMs }]))
  }
}

function sumsOf(row: SumRow, groupBy: readonly ReportGroup[]): ReportSums {
  return {
    group: Object.fromEntries(groupBy.map((group) => [group, row[group] as string])),
    requests: Number(row.requests),
    failures: Number(row.failures),
    promptTokens: Number(row.prompt_tokens),
    completionTokens: Number(row.completion_tokens),
    cachedTokens: Number(row.cached_tokens),
    reasoningTokens: Number(row.reasoning_tokens),
    costPico: BigInt(row.cost_pico ?? 0),
    durationMs: Number(row.duration_ms),
    durations: row.durations.map(Number),
  }
}
