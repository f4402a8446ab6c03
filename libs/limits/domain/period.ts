/** A budget period as instants: local midnight to local midnight in the tenant's zone (metering.md, Time zones). */
export interface Period {
  /** e.g. `month:2026-11`, `week:2026-11-16` (its Monday), `day:2026-11-21`: sorts by time within a duration. */
  readonly id: string
  readonly startsAtMs: number
  readonly endsAtMs: number
}

const DAY_MS = 86_400_000
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
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' })
    formats.set(timeZone, format)
  }
  const part: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(instantMs)) part[type] = Number(value)
  return Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!)
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
