/** Instants `[fromMs, toMs)`. */
export interface Range {
  readonly fromMs: number
  readonly toMs: number
}

/** The longest bucket that may be read as a whole: reports that tell days or hours apart may not read across them. */
export type Coarsest = 'month' | 'day' | 'hour'

/**
 * What to read so that every call of a period is counted once: UTC months from the monthly rollup, days from the daily
 * one, hours from the hourly one except `splitHours`, and the `calls` of those hours one by one.
 */
export interface Reading {
  readonly months: readonly Range[]
  readonly days: readonly Range[]
  readonly hours: readonly Range[]
  readonly splitHoursMs: readonly number[]
  readonly calls: readonly Range[]
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/**
 * A rollup answers for its bucket as a whole, so a bucket that an edge falls into is read from the next finer source.
 * @param edgesMs where lines of the report begin and end, rising: the period's ends and each local midnight between,
 *   when days are told apart. In zones of 30 or 45 minutes a midnight splits an hour; no quarter-hours are kept for that.
 */
export function planReading(edgesMs: readonly number[], coarsest: Coarsest): Reading {
  const [fromMs, toMs] = [edgesMs[0]!, edgesMs.at(-1)!]
  const splitHoursMs = [...new Set(edgesMs.filter((edge) => edge % HOUR_MS !== 0).map((edge) => floor(edge, HOUR_MS)))]
  const splitDays = new Set(edgesMs.filter((edge) => edge % DAY_MS !== 0).map((edge) => floor(edge, DAY_MS)))
  const [months, days, hours]: [Range[], Range[], Range[]] = [[], [], []]
  const lastMs = -floor(-toMs, HOUR_MS)
  let atMs = floor(fromMs, DAY_MS)
  while (atMs < toMs) {
    const monthEndMs = endOfMonth(atMs)
    const isMonth = coarsest === 'month' && endOfMonth(atMs - 1) === atMs && monthEndMs <= toMs && !edgesMs.some((edge) => edge > atMs && edge < monthEndMs)
    const next = { fromMs: atMs, toMs: isMonth ? monthEndMs : atMs + DAY_MS }
    if (isMonth) append(months, next)
    else if (coarsest === 'hour' || splitDays.has(atMs)) append(hours, { fromMs: Math.max(atMs, floor(fromMs, HOUR_MS)), toMs: Math.min(next.toMs, lastMs) })
    else append(days, next)
    atMs = next.toMs
  }
  const calls = splitHoursMs.map((hourMs) => ({ fromMs: Math.max(hourMs, fromMs), toMs: Math.min(hourMs + HOUR_MS, toMs) }))
  return { months, days, hours, splitHoursMs, calls }
}

/**
 * An end that is still to come, put off to the end of its UTC month: no call is beyond now, and the month so far is read
 * as one bucket.
 */
export function untilNow(toMs: number, nowMs: number): number {
  return toMs > nowMs ? endOfMonth(toMs - 1) : toMs
}

/** The first instant of the UTC month after the one an instant is in. */
function endOfMonth(ms: number): number {
  const at = new Date(ms)
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1)
}

function append(ranges: Range[], next: Range): void {
  const last = ranges.at(-1)
  if (last && last.toMs === next.fromMs) ranges[ranges.length - 1] = { fromMs: last.fromMs, toMs: next.toMs }
  else ranges.push(next)
}

function floor(ms: number, unitMs: number): number {
  return Math.floor(ms / unitMs) * unitMs
}
