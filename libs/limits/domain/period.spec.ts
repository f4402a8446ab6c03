import fc from 'fast-check'
import { isTimeZone, periodAt, tenantPeriodAt, type Period } from './period'

const ZONES = Intl.supportedValuesOf('timeZone')
const FIRST_MS = Date.UTC(2020, 0, 1)
const LAST_MS = Date.UTC(2036, 0, 1)
const DURATIONS = ['day', 'week', 'month'] as const
const HOUR_MS = 3_600_000

const dates = new Map<string, Intl.DateTimeFormat>()
const localDate = (instantMs: number, timeZone: string) => {
  const format = dates.get(timeZone) ?? new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  dates.set(timeZone, format)
  return format.format(instantMs)
}
const localTime = (instantMs: number, timeZone: string) => new Date(instantMs).toLocaleString('en-US', { timeZone })
const hours = (period: Period) => (period.endsAtMs - period.startsAtMs) / HOUR_MS

/** Every instant of 2020–2035 at which a zone's offset changes, found by halving months. */
function transitions(timeZone: string): number[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  const offset = (ms: number) => format.format(ms).split('GMT')[1]
  const found: number[] = []
  const STEP_MS = 21 * 24 * HOUR_MS
  for (let from = FIRST_MS, before = offset(from); from < LAST_MS; from += STEP_MS) {
    const after = offset(from + STEP_MS)
    if (after === before) continue
    let [low, high] = [from, from + STEP_MS]
    while (high - low > 60_000) {
      const middle = Math.floor((low + high) / 120_000) * 60_000
      if (offset(middle) === before) low = middle
      else high = middle
    }
    found.push(high)
    before = after
  }
  return found
}

/** A period around an instant contains it, meets its neighbours, and is what each instant in it answers. */
function expectTiled(instantMs: number, timeZone: string, duration: (typeof DURATIONS)[number]): void {
  const period = periodAt(instantMs, timeZone, duration)
  const found = {
    contains: period.startsAtMs <= instantMs && instantMs < period.endsAtMs,
    nextStartsAtMs: periodAt(period.endsAtMs, timeZone, duration).startsAtMs,
    previousEndsAtMs: periodAt(period.startsAtMs - 1, timeZone, duration).endsAtMs,
    ofItsFirst: periodAt(period.startsAtMs, timeZone, duration),
    ofItsLast: periodAt(period.endsAtMs - 1, timeZone, duration),
  }
  // One comparison, as a matcher costs more than all of this.
  expect({ ...found, label: `${timeZone} ${duration} ${new Date(instantMs).toISOString()}` }).toEqual({ contains: true, nextStartsAtMs: period.endsAtMs, previousEndsAtMs: period.startsAtMs, ofItsFirst: period, ofItsLast: period, label: expect.any(String) })
}

describe('periods of all zones, 2020–2035', () => {
  it('tile the line without gap or overlap, and contain their instant', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.integer({ min: FIRST_MS, max: LAST_MS - 1 }), fc.constantFrom(...DURATIONS), (zone, instantMs, duration) => expectTiled(instantMs, zone, duration)),
      { numRuns: 3_000 },
    )
  })

  it('tile around every change of the clocks', () => {
    let changes = 0
    const walked = new Set<string>()
    for (const zone of ZONES) {
      const all = transitions(zone)
      changes += all.length
      // Many zones keep the same time: one of them stands for all.
      const times = `${all} ${localTime(FIRST_MS, zone)}`
      if (walked.has(times)) continue
      walked.add(times)
      // A rule repeats every year: its first two and last two changes stand for it, irregular zones are walked whole.
      for (const at of all.length > 32 ? all : [...all.slice(0, 2), ...all.slice(-2)]) {
        for (const around of [at - 1, at, at + HOUR_MS, at - HOUR_MS]) expectTiled(around, zone, 'day')
      }
    }
    expect(changes).toBeGreaterThan(3_000)
    expect(walked.size).toBeGreaterThan(60)
  })

  it('months of a year add up to the year, days to their month', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.integer({ min: 2020, max: 2035 }), fc.integer({ min: 0, max: 11 }), (zone, year, month) => {
        const whole = periodAt(Date.UTC(year, month, 15, 12), zone, 'month')
        let [at, days] = [whole.startsAtMs, 0]
        for (; at < whole.endsAtMs; days++) at = periodAt(at, zone, 'day').endsAtMs
        expect(at).toBe(whole.endsAtMs)
        expect(days).toBe(new Date(Date.UTC(year, month + 1, 0)).getUTCDate())
      }),
      { numRuns: 60 },
    )
  })

  it('are named by the local date they begin with', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.integer({ min: FIRST_MS, max: LAST_MS - 1 }), (zone, instantMs) => {
        expect(periodAt(instantMs, zone, 'day').id).toBe(`day:${localDate(instantMs, zone)}`)
        expect(periodAt(instantMs, zone, 'month').id).toBe(`month:${localDate(instantMs, zone).slice(0, 7)}`)
        const week = periodAt(instantMs, zone, 'week')
        expect(week.id).toBe(`week:${localDate(week.startsAtMs, zone)}`)
        expect(new Date(`${week.id.slice(5)}T00:00:00Z`).getUTCDay()).toBe(1)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('hard days', () => {
  it.each([
    ['America/Sao_Paulo', '2018-11-04T12:00:00Z', '2018-11-04T03:00:00.000Z', 23, 'midnight does not exist: the day begins at 01:00'],
    ['America/Sao_Paulo', '2018-02-17T12:00:00Z', '2018-02-17T02:00:00.000Z', 25, '23:00 comes twice'],
    ['Africa/Cairo', '2024-04-26T12:00:00Z', '2024-04-25T22:00:00.000Z', 23, 'midnight does not exist'],
    ['Asia/Beirut', '2024-03-31T12:00:00Z', '2024-03-30T22:00:00.000Z', 23, 'midnight does not exist'],
    ['America/Havana', '2024-11-03T12:00:00Z', '2024-11-03T04:00:00.000Z', 25, 'midnight comes twice: the earlier'],
    ['Atlantic/Azores', '2024-10-27T12:00:00Z', '2024-10-27T00:00:00.000Z', 25, 'midnight comes twice: the earlier'],
    ['Pacific/Apia', '2011-12-30T09:00:00Z', '2011-12-29T10:00:00.000Z', 24, 'the last day before one was skipped'],
    ['Pacific/Apia', '2011-12-30T12:00:00Z', '2011-12-30T10:00:00.000Z', 24, 'the day after the skipped one'],
    ['Australia/Lord_Howe', '2024-04-07T00:00:00Z', '2024-04-06T13:00:00.000Z', 24.5, 'half an hour of change'],
    ['Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00.000Z', 23, 'spring'],
    ['Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00.000Z', 25, 'autumn'],
    ['Asia/Kathmandu', '2026-01-01T00:00:00Z', '2025-12-31T18:15:00.000Z', 24, '45 minutes'],
    ['UTC', '2028-02-29T23:59:59Z', '2028-02-29T00:00:00.000Z', 24, 'leap day'],
  ])('%s at %s', (zone, at, starts, length) => {
    const day = periodAt(Date.parse(at), zone, 'day')
    expect(new Date(day.startsAtMs).toISOString()).toBe(starts)
    expect(hours(day)).toBe(length)
    expectTiled(Date.parse(at), zone, 'day')
  })

  it('a year of Berlin has one day of 23 and one of 25 hours', () => {
    const lengths: number[] = []
    for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1) - HOUR_MS; ) {
      const day = periodAt(at, 'Europe/Berlin', 'day')
      lengths.push(hours(day))
      at = day.endsAtMs
    }
    expect(lengths.filter((length) => length !== 24).sort()).toEqual([23, 25])
  })
})

describe('a change of zone', () => {
  const at = (text: string) => Date.parse(text)
  const zone = fc.constantFrom('UTC', 'Pacific/Kiritimati', 'Pacific/Midway', 'Europe/Berlin', 'Asia/Kathmandu', 'America/Havana')
  /** The second zone is left at the very instant at which its period begins. */
  const LEFT_AT_MIDNIGHT = [{ zone: 'Pacific/Midway', days: 0, hours: 1 }, { zone: 'Pacific/Kiritimati', days: 1, hours: 1 }]
  /** Beyond the last change: the period it fell in, and the two after. */
  const DAYS_AFTER = { day: 4, week: 25, month: 80 }
  const changes = fc.array(fc.record({ zone, days: fc.integer({ min: 0, max: 8 }), hours: fc.integer({ min: 1, max: 24 }) }), { maxLength: 6 })

  it('leaves the running period as it is, and neither gap, overlap nor the same period twice', () => {
    fc.assert(
      fc.property(changes, zone, fc.constantFrom(...DURATIONS), fc.integer({ min: FIRST_MS, max: LAST_MS - 1 }), (made, last, duration, fromMs) => {
        let untilMs = fromMs
        const former = made.map(({ zone: left, days, hours: more }) => ({ zone: left, untilMs: (untilMs += (days * 24 + more) * HOUR_MS) }))
        for (const [i, { zone: left, untilMs: changedMs }] of former.entries()) {
          const before = tenantPeriodAt(changedMs, left, former.slice(0, i), duration)
          expect(tenantPeriodAt(changedMs, former[i + 1]?.zone ?? last, former.slice(0, i + 1), duration)).toEqual(before)
        }
        const periods: Period[] = [tenantPeriodAt(fromMs, last, former, duration)]
        while (periods.at(-1)!.endsAtMs < untilMs + DAYS_AFTER[duration] * 24 * HOUR_MS) periods.push(tenantPeriodAt(periods.at(-1)!.endsAtMs, last, former, duration))
        for (const [i, next] of periods.slice(1).entries()) expect([next.startsAtMs, next.id > periods[i]!.id]).toEqual([periods[i]!.endsAtMs, true])
        expect(periods.at(-1)).toEqual(periodAt(periods.at(-1)!.startsAtMs, last, duration))
      }),
      { numRuns: 60, examples: [[LEFT_AT_MIDNIGHT, 'Pacific/Midway', 'month', Date.UTC(2021, 2, 31, 9)]] },
    )
  })

  it.each([
    ['eastward: tomorrow is not opened today', 'UTC', 'Pacific/Kiritimati', ['day:2026-11-21 2026-11-22T00:00:00.000Z', 'day:2026-11-22 2026-11-22T10:00:00.000Z', 'day:2026-11-23 2026-11-23T10:00:00.000Z']],
    ['westward: today is not opened again', 'Pacific/Kiritimati', 'Pacific/Midway', ['day:2026-11-22 2026-11-22T10:00:00.000Z', 'day:2026-11-23 2026-11-24T11:00:00.000Z', 'day:2026-11-24 2026-11-25T11:00:00.000Z']],
  ])('%s', (_name, from, to, expected) => {
    const found: string[] = []
    for (let nowMs = at('2026-11-21T13:00:00Z'); found.length < 3; ) {
      const { id, endsAtMs } = tenantPeriodAt(nowMs, to, [{ zone: from, untilMs: at('2026-11-21T12:00:00Z') }], 'day')
      found.push(`${id} ${new Date(endsAtMs).toISOString()}`)
      nowMs = endsAtMs
    }
    expect(found).toEqual(expected)
  })
})

describe('zone names', () => {
  it.each(['UTC', 'Europe/Berlin', 'Asia/Kolkata'])('knows %s', (zone) => expect(isTimeZone(zone)).toBe(true))
  it.each(['', 'Mars/Olympus', 'Berlin'])('refuses %j', (zone) => expect(isTimeZone(zone)).toBe(false))
})
