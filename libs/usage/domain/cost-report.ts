import { decimalFromPico, picoPerTokenFromPerMillion } from '@tollgate/kernel'
import { addSums, groupLineOf, lineOf, type GroupLine, type ReportLine, type ReportSums } from './report-line'
import type { Calendar, ReportPeriod } from './report-period'

/** What a tenant's report may be grouped by, in any combination. `day` is a local day, `hour` an hour of UTC. */
export const GROUPS = ['model', 'project', 'api_key', 'region', 'provider', 'host', 'day', 'hour'] as const
/** The same over all tenants. */
export const PLATFORM_GROUPS = ['tenant', ...GROUPS] as const
export type ReportGroup = (typeof PLATFORM_GROUPS)[number]

/** A period, the grouping, and the calendar of the zone whose days are meant. */
export interface ReportQuery extends ReportPeriod {
  readonly groupBy: readonly ReportGroup[]
  readonly calendar: Calendar
}

/** What the tokens would have cost at a list price, in US dollars; `saved` is null for who pays in another currency. */
interface Saving {
  readonly cost: string
  readonly saved: string | null
  readonly currency: string
  readonly input_per_million: string
  readonly output_per_million: string
  readonly as_of: string
}

/** The body of `/cost-report` (product.md 2.4). */
export interface CostReport {
  readonly model_usage: Readonly<Record<string, ReportLine>>
  readonly total: ReportLine
  readonly groups?: readonly GroupLine[]
  readonly savings: Readonly<Record<string, Saving>>
  readonly currency: string
  readonly from: string
  readonly to: string
}

/** Over all tenants: each currency has a total and lines of its own. */
export interface PlatformReport {
  readonly totals: readonly GroupLine[]
  readonly groups?: readonly GroupLine[]
  readonly from: string
  readonly to: string
}

/** List prices per million tokens that savings are measured against, with the day they were read. */
const BASELINES = {
  'gpt-4-class': { input: '2.50', output: '10.00', asOf: '2026-08-21' },
  'claude-sonnet-class': { input: '3.00', output: '15.00', asOf: '2026-08-21' },
} as const
const BASELINE_CURRENCY = 'USD'

/** Builds a tenant's report from sums by model and, when asked, by the wanted groups. Pure. */
export function buildReport(byModel: readonly ReportSums[], groups: readonly ReportSums[] | null, period: ReportPeriod, currency: string): CostReport {
  const total = addSums(byModel)
  return {
    model_usage: Object.fromEntries(byModel.map((sums) => [sums.group.model!, lineOf(sums)])),
    total: lineOf(total),
    ...(groups ? { groups: groups.map(groupLineOf) } : {}),
    savings: savingsOf(total, currency),
    currency,
    ...instantsOf(period),
  }
}

/** Builds the report over all tenants from sums that carry their currency as a group. Pure. */
export function buildPlatformReport(lines: readonly ReportSums[], groupBy: readonly ReportGroup[], period: ReportPeriod): PlatformReport {
  const currencies = [...new Set(lines.map((sums) => sums.group.currency!))].sort()
  const totals = currencies.map((currency) => addSums(lines.filter((sums) => sums.group.currency === currency), { currency }))
  return { totals: totals.map(groupLineOf), ...(groupBy.length > 0 ? { groups: lines.map(groupLineOf) } : {}), ...instantsOf(period) }
}

/** The lines of a tenant's table: the groups, or the models, each with its currency. */
export function tableLines(groups: readonly ReportSums[], currency: string): GroupLine[] {
  return groups.map((sums) => Object.assign(groupLineOf(sums), { currency }))
}

function instantsOf({ fromMs, toMs }: ReportPeriod): { from: string; to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }
}

function savingsOf(total: ReportSums, currency: string): CostReport['savings'] {
  return Object.fromEntries(
    Object.entries(BASELINES).map(([name, { input, output, asOf }]) => {
      const costPico = BigInt(total.promptTokens) * picoPerTokenFromPerMillion(input)! + BigInt(total.completionTokens) * picoPerTokenFromPerMillion(output)!
      const saved = currency === BASELINE_CURRENCY ? decimalFromPico(costPico - total.costPico) : null
      return [name, { cost: decimalFromPico(costPico), saved, currency: BASELINE_CURRENCY, input_per_million: input, output_per_million: output, as_of: asOf }]
    }),
  )
}
