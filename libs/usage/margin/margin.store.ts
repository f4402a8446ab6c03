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
    const isOfDays = groupBy.length === 1 && groupBy[0] === 'day'
    const { source, values } = isOfDays ? daysOf(period) : sourceOf(period, groupBy)
    const keys = [...groupBy.map((group) => `${KEYS[group]} AS "${group}"`), `${isOfDays ? 'r' : 't'}.currency`]
    const rows = await this.read(
      `SELECT ${keys.join(', ')}, ${SUMS.map((name) => `sum(r.${name})::text AS ${name}`).join(', ')} FROM ${source} r ${isOfDays ? '' : 'JOIN tenant t ON t.id = r.tenant_id'}
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

/** Columns of a rollup within a range; an hour is told by its day. */
function reading(values: Date[], table: string, time: string, columns: readonly string[], { fromMs, toMs }: Range): string {
  const day = time === 'hour' ? `date_bin('1 day', hour, '2000-01-01T00:00Z')` : time
  return `SELECT ${day} AS day, ${[...columns, ...SUMS].join(', ')} FROM ${table} WHERE ${time} >= $${values.push(new Date(fromMs))}::timestamptz AND ${time} < $${values.push(new Date(toMs))}::timestamptz`
}

/** The rows of whole UTC days, in as few as may be. */
function sourceOf(period: Range, groupBy: readonly MarginGroup[]): { source: string; values: Date[] } {
  const values: Date[] = []
  const isByDay = groupBy.includes('day')
  // A tenant's totals are a row an hour, where a day has a hundred.
  if (isByDay && groupBy.every((group) => group === 'day' || group === 'tenant')) return { source: `(${reading(values, 'usage_tenant_hourly', 'hour', ['tenant_id'], period)})`, values }
  const { months, days } = planReading([period.fromMs, period.toMs], isByDay ? 'day' : 'month')
  return { source: `(${[...months.map((range) => reading(values, 'usage_monthly', 'month', NAMES, range)), ...days.map((range) => reading(values, 'usage_daily', 'day', NAMES, range))].join(' UNION ALL ')})`, values }
}

/** As `sourceOf`, for days alone: the hours of all tenants, which know their currency. */
function daysOf(period: Range): { source: string; values: Date[] } {
  const values: Date[] = []
  return { source: `(${reading(values, 'usage_total_hourly', 'hour', ['currency'], period)})`, values }
}
