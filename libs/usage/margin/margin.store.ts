import { Injectable } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { MarginGroup, MarginSums } from '../domain/margin'
import type { ReportPeriod } from '../domain/report-period'
import { planReading, type Range } from '../domain/report-reading'

/** Reports may not hold up anybody else. */
const REPORT_TIMEOUT_MS = 10_000
const MOST_LINES = 10_000

type SumRow = Record<string, string>

/** By group: its key, of a rollup (alias r) or its tenant (alias t). A day stays an instant: as text it took longer than the sums. */
const KEYS: Readonly<Record<MarginGroup, string>> = {
  model: 'r.model',
  host: 'r.host',
  provider: 'r.provider',
  region: 'r.region',
  tenant: 't.slug',
  day: 'r.day',
}
const NAMES = ['tenant_id', 'model', 'provider', 'region', 'host']
const SUMS = ['requests', 'cost_pico', 'attempts', 'uncosted_attempts', 'provider_cost_pico']

/**
 * Sums over all tenants, for the operator. Revenue and cost are both of the rollups, which have each
 * attempt by the host it went to and the model its call is billed as: of ten million calls the attempts themselves took seconds.
 */
@Injectable()
export class MarginStore {
  constructor(private readonly database: Database) {}

  /** @throws RefusalError for more than 10 000 lines */
  async sums(period: ReportPeriod, groupBy: readonly MarginGroup[]): Promise<MarginSums[]> {
    const { source, values } = sourceOf(period, groupBy)
    const keys = [...groupBy.map((group) => `${KEYS[group]} AS "${group}"`), 't.currency']
    const rows = await this.read(
      `SELECT ${keys.join(', ')}, ${SUMS.map((name) => `sum(r.${name})::text AS ${name}`).join(', ')} FROM ${source} r JOIN tenant t ON t.id = r.tenant_id
       GROUP BY ${keys.map((_, i) => i + 1).join(', ')} HAVING sum(r.requests) > 0 OR sum(r.attempts) > 0 LIMIT ${MOST_LINES + 1}`,
      values,
    )
    // Half a report would be a wrong sum.
    if (rows.length > MOST_LINES) throw new RefusalError(refuse('invalid_request', { reason: `the report has more than ${MOST_LINES} lines: group by less, or shorten the period.` }))
    return rows.map((row) => ({
      group: Object.fromEntries(groupBy.map((group) => [group, group === 'day' ? new Date(row.day!).toISOString().slice(0, 10) : row[group]!])),
      currency: row.currency!,
      requests: Number(row.requests),
      revenuePico: BigInt(row.cost_pico!),
      attempts: Number(row.attempts),
      uncosted: Number(row.uncosted_attempts),
      costPico: BigInt(row.provider_cost_pico!),
    }))
  }

  /** What attempts cost by host and region, of every tenant. */
  async hostCosts(period: ReportPeriod): Promise<{ host: string; region: string; costPico: bigint }[]> {
    const { source, values } = sourceOf(period, [])
    const rows = await this.read(`SELECT r.host, r.region, sum(r.provider_cost_pico)::text AS pico FROM ${source} r GROUP BY 1, 2`, values)
    return rows.map((row) => ({ host: row.host!, region: row.region!, costPico: BigInt(row.pico!) }))
  }

  private read(sql: string, parameters: unknown[]): Promise<SumRow[]> {
    return this.database.asPlatform(async (tx: Tx) => {
      // Compiling takes longer than these statements do.
      await tx.query(`SELECT set_config('statement_timeout', $1, true), set_config('jit', 'off', true), set_config('work_mem', '32MB', true)`, [String(REPORT_TIMEOUT_MS)])
      return tx.query<SumRow[]>(sql, parameters)
    })
  }
}

/** Groups that a tenant's totals know: a row an hour, where a day has a hundred. */
const OF_TOTALS: readonly MarginGroup[] = ['tenant', 'day']

/** The rows of whole UTC days, in as few as may be. */
function sourceOf({ fromMs, toMs }: ReportPeriod, groupBy: readonly MarginGroup[]): { source: string; values: Date[] } {
  const values: Date[] = []
  const read = (table: string, time: string, columns: readonly string[]) => (range: Range) =>
    `SELECT ${time === 'hour' ? `date_bin('1 day', hour, '2000-01-01T00:00Z')` : time} AS day, ${[...columns, ...SUMS].join(', ')} FROM ${table} WHERE ${time} >= $${values.push(new Date(range.fromMs))}::timestamptz AND ${time} < $${values.push(new Date(range.toMs))}::timestamptz`
  const isByDay = groupBy.includes('day')
  if (isByDay && groupBy.every((group) => OF_TOTALS.includes(group))) return { source: `(${read('usage_tenant_hourly', 'hour', ['tenant_id'])({ fromMs, toMs })})`, values }
  const reading = planReading([fromMs, toMs], isByDay ? 'day' : 'month')
  return { source: `(${[...reading.months.map(read('usage_monthly', 'month', NAMES)), ...reading.days.map(read('usage_daily', 'day', NAMES))].join(' UNION ALL ')})`, values }
}
