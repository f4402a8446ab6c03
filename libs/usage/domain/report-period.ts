/** A local day or month of a zone, `[startsAtMs, endsAtMs)`; `id` ends in its date. */
export interface LocalSpan {
  readonly id: string
  readonly startsAtMs: number
  readonly endsAtMs: number
}

/** The calendar of a zone: the local day or month around an instant. The app that asks brings it (limits has it). */
export type Calendar = (instantMs: number, length: 'day' | 'month') => LocalSpan

/** The instants of a report, `[fromMs, toMs)`. */
export interface ReportPeriod {
  readonly fromMs: number
  readonly toMs: number
}

/** What is wrong with a period that was asked for. */
export interface PeriodProblem {
  readonly path: 'from' | 'to'
  readonly message: string
}

/** The local days of a period, first to last: when each begins (the first may begin before the period) and its date. */
export interface LocalDays {
  readonly startsAtMs: readonly number[]
  readonly dates: readonly string[]
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MOST_DAYS = 400
// Other centuries are slips of the pen, and the calendar of a zone need not know them.
const DATE = /^20\d{2}-\d{2}-\d{2}$/
const INSTANT = /^20\d{2}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/
const SHAPE = 'must be a day (2026-11-01) or an RFC 3339 time (2026-11-01T10:00:00Z; write + as %2B)'

/**
 * The period that was asked for: days begin at local midnight, times are instants, `to` is not included. By default the
 * local month so far, to the end of the hour.
 */
export function reportPeriod(asked: { from?: string; to?: string }, nowMs: number, calendar: Calendar): ReportPeriod | PeriodProblem {
  const fromMs = asked.from === undefined ? calendar(nowMs, 'month').startsAtMs : instantOf(asked.from, calendar)
  if (fromMs === null) return { path: 'from', message: SHAPE }
  const toMs = asked.to === undefined ? Math.floor(nowMs / HOUR_MS + 1) * HOUR_MS : instantOf(asked.to, calendar)
  if (toMs === null) return { path: 'to', message: SHAPE }
  if (fromMs >= toMs) return asked.to === undefined ? { path: 'from', message: 'must not be in the future, unless to is given' } : { path: 'to', message: 'must be after from' }
  if (toMs - fromMs > MOST_DAYS * DAY_MS) return { path: 'from', message: `must be at most ${MOST_DAYS} days before to` }
  return { fromMs, toMs }
}

/** Days of 23, 24 and 25 hours alike: they tile the period whatever the clocks do. */
export function localDays(period: ReportPeriod, calendar: Calendar): LocalDays {
  const startsAtMs: number[] = []
  const dates: string[] = []
  for (let atMs = period.fromMs; atMs < period.toMs; ) {
    const day = calendar(atMs, 'day')
    startsAtMs.push(day.startsAtMs)
    dates.push(day.id.slice(-10))
    atMs = day.endsAtMs
  }
  return { startsAtMs, dates }
}

function instantOf(text: string, calendar: Calendar): number | null {
  if (!DATE.test(text) && !INSTANT.test(text)) return null
  const noonMs = Date.parse(`${text.slice(0, 10)}T12:00:00Z`)
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(noonMs) || new Date(noonMs).toISOString().slice(0, 10) !== text.slice(0, 10)) return null
  if (DATE.test(text)) return midnightOf(text, noonMs, calendar)
  const instantMs = Date.parse(text)
  return Number.isNaN(instantMs) ? null : instantMs
}

/** Noon UTC is on the date or beside it, in any zone; a date that a zone skipped begins where the next one does. */
function midnightOf(date: string, noonMs: number, calendar: Calendar): number {
  let day = calendar(noonMs, 'day')
  while (day.id.slice(-10) > date) day = calendar(day.startsAtMs - 1, 'day')
  return day.id.slice(-10) < date ? day.endsAtMs : day.startsAtMs
}
