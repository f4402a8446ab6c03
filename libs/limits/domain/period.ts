import type { FormerZone } from '@tollgate/kernel'

/** A budget period as instants: local midnight to local midnight in the tenant's zone (metering.md, Time zones). */
export interface Period {
  /** e.g. `month:2026-11`, `week:2026-11-16` (its Monday), `day:2026-11-21`: sorts by time within a duration; or `always`. */
  readonly id: string
  readonly startsAtMs: number
  readonly endsAtMs: number
}

/** The period of prepaid credit: it began before anything was spent, and does not end (9999, the last year a date can name). */
export const ALWAYS: Period = { id: 'always', startsAtMs: 0, endsAtMs: Date.UTC(10_000, 0, 1) - 1_000 }

const DAY_MS = 86_400_000
/** A change of zone older than this is in force for every period, however long. */
const ZONE_CHANGE_MS = 70 * DAY_MS
const formats = new Map<string, Intl.DateTimeFormat>()

const current = new Map<string, Period>()

/**
 * The period that contains an instant. Days of 23 and 25 hours are normal; periods tile time without gap or overlap.
 * The last period of each zone and length is remembered: it is asked for at every call and changes once a day at most.
 */
export function periodAt(nowMs: number, timeZone: string, duration: 'day' | 'week' | 'month'): Period {
  const key = `${timeZone} ${duration}`
  const known = current.get(key)
  if (known && nowMs >= known.startsAtMs && nowMs < known.endsAtMs) return known
  const found = computePeriod(nowMs, timeZone, duration)
  current.set(key, found)
  return found
}

/**
 * The period of a tenant that has changed its zone: the one in which it was changed ends as it was opened, and the next
 * begins there, under the zone of that moment, so it is shorter or longer than others and never the same one again.
 * Periods tile time here too.
 */
export function tenantPeriodAt(nowMs: number, timeZone: string, formerZones: readonly FormerZone[], duration: 'day' | 'week' | 'month'): Period {
  const recent = formerZones.filter(({ untilMs }) => untilMs > nowMs - ZONE_CHANGE_MS)
  const [first] = recent
  if (!first || nowMs < first.untilMs) return periodAt(nowMs, first?.zone ?? timeZone, duration)
  // A period that begins at the very instant of a change may have been opened just before it.
  const zoneAt = (instantMs: number) => recent.find(({ untilMs }) => instantMs <= untilMs)?.zone ?? timeZone
  let found = computePeriod(first.untilMs, first.zone, duration)
  while (nowMs >= found.endsAtMs) found = periodAfter(found, zoneAt(found.endsAtMs), duration)
  return found
}

/** The first period of a zone that is a later one than `before`, from the instant where that ends. */
function periodAfter(before: Period, timeZone: string, duration: 'day' | 'week' | 'month'): Period {
  let next = computePeriod(before.endsAtMs, timeZone, duration)
  while (next.id <= before.id) next = computePeriod(next.endsAtMs, timeZone, duration)
  return { ...next, startsAtMs: before.endsAtMs }
}

function computePeriod(nowMs: number, timeZone: string, duration: 'day' | 'week' | 'month'): Period {
  const local = new Date(localMs(nowMs, timeZone))
  const year = local.getUTCFullYear()
  const month = local.getUTCMonth()
  const day = local.getUTCDate()
  if (duration === 'month') return period('month', Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1), timeZone)
  const sinceMonday = duration === 'week' ? (local.getUTCDay() + 6) % 7 : 0
  const length = duration === 'week' ? 7 : 1
  return period(duration, Date.UTC(year, month, day - sinceMonday), Date.UTC(year, month, day - sinceMonday + length), timeZone)
}

/** True for a zone name the runtime knows (IANA). */
export function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en-US', { timeZone: name }))
  } catch {
    return false
  }
}

function period(duration: 'day' | 'week' | 'month', startLocalMs: number, endLocalMs: number, timeZone: string): Period {
  const date = new Date(startLocalMs).toISOString()
  return {
    id: `${duration}:${date.slice(0, duration === 'month' ? 7 : 10)}`,
    startsAtMs: instantOf(startLocalMs, timeZone),
    endsAtMs: instantOf(endLocalMs, timeZone),
  }
}

/** The wall clock of a zone at an instant, written as if it were UTC. */
function localMs(instantMs: number, timeZone: string): number {
  let format = formats.get(timeZone)
  if (!format) {
    // Swedish writes 2026-11-21 10:17:00: a third of the time of taking the parts of any other.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
    formats.set(timeZone, format)
  }
  return Date.parse(`${format.format(instantMs).replace(' ', 'T')}Z`)
}

/**
 * The instant at which a zone's wall clock shows a time: the earlier one when it shows it twice, the first valid
 * instant after when it never does (both happen at midnight in some zones).
 */
function instantOf(wantedLocalMs: number, timeZone: string): number {
  const offsets = [wantedLocalMs - DAY_MS, wantedLocalMs + DAY_MS].map((instant) => localMs(instant, timeZone) - instant)
  const exact = offsets.map((offset) => wantedLocalMs - offset).filter((instant) => localMs(instant, timeZone) === wantedLocalMs)
  if (exact.length > 0) return Math.min(...exact)
  let before = wantedLocalMs - Math.max(...offsets) - DAY_MS / 8
  let after = wantedLocalMs - Math.min(...offsets) + DAY_MS / 8
  while (after - before > 1_000) {
    const middle = Math.floor((before + after) / 2_000) * 1_000
    if (localMs(middle, timeZone) < wantedLocalMs) before = middle
    else after = middle
  }
  return after
}
