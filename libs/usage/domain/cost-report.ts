import { decimalFromPico, picoPerTokenFromPerMillion, type Pico } from '@tollgate/kernel'
import { durationQuantile } from './duration-histogram'

/** What a report may be grouped by. */
export const GROUPS = ['model', 'project', 'api_key', 'region', 'provider', 'host', 'day', 'hour'] as const
export type ReportGroup = (typeof GROUPS)[number]

/** A period `[fromMs, toMs)` on hour boundaries, and the grouping. */
export interface ReportQuery {
  readonly fromMs: number
  readonly toMs: number
  readonly groupBy: readonly ReportGroup[]
}

/** Sums of one group, as stored. Durations are counts by DURATION_BOUNDS_MS. */
export interface ReportSums {
  readonly group: Readonly<Record<string, string>>
  readonly requests: number
  readonly failures: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
  readonly costPico: Pico
  readonly durationMs: number
  readonly durations: readonly number[]
}

/** One line of a report. Durations in seconds; cost a decimal string. */
export interface ReportLine {
  readonly total_requests: number
  readonly avg_duration: number
  readonly p50_duration: number | null
  readonly p95_duration: number | null
  readonly error_rate: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly cached_tokens: number
  readonly reasoning_tokens: number
  readonly total_tokens: number
  readonly cost: string
}

/** The body of `/cost-report` (product.md 2.4). */
export interface CostReport {
  readonly model_usage: Readonly<Record<string, ReportLine>>
  readonly total: ReportLine
  readonly groups?: readonly Readonly<Record<string, unknown>>[]
  readonly savings: Readonly<Record<string, { cost: string; saved: string; input_per_million: string; output_per_million: string; as_of: string }>>
  readonly currency: string
  readonly from: string
  readonly to: string
}

/** List prices per million tokens that savings are measured against, with the day they were read. */
const BASELINES = {
  'gpt-4-class': { input: '2.50', output: '10.00', asOf: '2026-08-21' },
  'claude-sonnet-class': { input: '3.00', output: '15.00', asOf: '2026-08-21' },
} as const

/** Builds the report from sums by model and, when asked, by the wanted groups. Pure. */
export function buildReport(byModel: readonly ReportSums[], groups: readonly ReportSums[] | null, query: ReportQuery, currency: string): CostReport {
  const total = addSums(byModel)
  return {
    model_usage: Object.fromEntries(byModel.map((sums) => [sums.group.model!, lineOf(sums)])),
    total: lineOf(total),
    ...(groups ? { groups: groups.map((sums) => ({ ...sums.group, ...lineOf(sums) })) } : {}),
    savings: savingsOf(total),
    currency,
    from: new Date(query.fromMs).toISOString(),
    to: new Date(query.toMs).toISOString(),
  }
}

/** CSV of the groups, RFC 4180; cells that a spreadsheet would run as a formula are quoted with an apostrophe. */
export function reportCsv(report: CostReport, groupBy: readonly ReportGroup[]): string {
  const rows = report.groups ?? Object.entries(report.model_usage).map(([model, line]) => ({ model, ...line }))
  const columns = [...(groupBy.length > 0 ? groupBy : ['model']), ...Object.keys(report.total)]
  const cell = (value: unknown) => {
    const text = value === null || value === undefined ? '' : String(value)
    const safe = /^[=+\-@\t\r\n]/.test(text) && typeof value === 'string' && Number.isNaN(Number(text)) ? `'${text}` : text
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe
  }
  const lines = rows.map((row) => columns.map((column) => cell((row as Record<string, unknown>)[column])).join(','))
  return `${[columns.join(','), ...lines].join('\r\n')}\r\n`
}

function lineOf(sums: ReportSums): ReportLine {
  const seconds = (ms: number | null) => (ms === null ? null : Math.round(ms) / 1000)
  return {
    total_requests: sums.requests,
    avg_duration: sums.requests === 0 ? 0 : Math.round(sums.durationMs / sums.requests) / 1000,
    p50_duration: seconds(durationQuantile(sums.durations, 0.5)),
    p95_duration: seconds(durationQuantile(sums.durations, 0.95)),
    error_rate: sums.requests === 0 ? 0 : Math.round((sums.failures / sums.requests) * 10_000) / 10_000,
    prompt_tokens: sums.promptTokens,
    completion_tokens: sums.completionTokens,
    cached_tokens: sums.cachedTokens,
    reasoning_tokens: sums.reasoningTokens,
    total_tokens: sums.promptTokens + sums.completionTokens,
    cost: decimalFromPico(sums.costPico),
  }
}

function addSums(all: readonly ReportSums[]): ReportSums {
  const sum = (pick: (sums: ReportSums) => number) => all.reduce((total, sums) => total + pick(sums), 0)
  return {
    group: {},
    requests: sum((s) => s.requests),
    failures: sum((s) => s.failures),
    promptTokens: sum((s) => s.promptTokens),
    completionTokens: sum((s) => s.completionTokens),
    cachedTokens: sum((s) => s.cachedTokens),
    reasoningTokens: sum((s) => s.reasoningTokens),
    costPico: all.reduce((total, sums) => total + sums.costPico, 0n),
    durationMs: sum((s) => s.durationMs),
    durations: Array.from({ length: 12 }, (_, i) => sum((s) => s.durations[i] ?? 0)),
  }
}

function savingsOf(total: ReportSums): CostReport['savings'] {
  return Object.fromEntries(
    Object.entries(BASELINES).map(([name, { input, output, asOf }]) => {
      const costPico = BigInt(total.promptTokens) * picoPerTokenFromPerMillion(input)! + BigInt(total.completionTokens) * picoPerTokenFromPerMillion(output)!
      return [name, { cost: decimalFromPico(costPico), saved: decimalFromPico(costPico - total.costPico), input_per_million: input, output_per_million: output, as_of: asOf }]
    }),
  )
}
