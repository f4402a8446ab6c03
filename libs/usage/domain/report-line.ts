import { decimalFromPico, type Pico } from '@tollgate/kernel'
import { durationQuantile } from './duration-histogram'

/** Sums of one group, as stored. `group` has a value by name of each group; durations are counts by DURATION_BOUNDS_MS. */
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

/** The figures of a line. Durations in seconds; cost a decimal string; quantiles null without calls. */
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

/** A line with the values of its groups. */
export type GroupLine = ReportLine & Readonly<Record<string, string | number | null>>

/** From sums to figures. */
export function lineOf(sums: ReportSums): ReportLine {
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

/** The line of a group, its values first. */
export function groupLineOf(sums: ReportSums): GroupLine {
  // Not two spreads: to Node 20 each such object has a shape of its own, which takes it ten times as long, and its JSON too.
  return Object.assign({}, sums.group, lineOf(sums))
}

/** One line of all the sums; without any, zeros. */
export function addSums(all: readonly ReportSums[], group: ReportSums['group'] = {}): ReportSums {
  const sum = (pick: (sums: ReportSums) => number) => all.reduce((total, sums) => total + pick(sums), 0)
  return {
    group,
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
