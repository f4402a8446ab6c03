import fc from 'fast-check'
import { periodAt } from '../../limits/domain/period'
import { planReading, untilNow, type Coarsest, type Range } from './report-reading'
import { localDays, reportPeriod, type Calendar } from './report-period'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NOW_MS = Date.UTC(2026, 10, 21, 10, 17)
const calendarOf = (zone: string): Calendar => (ms, length) => periodAt(ms, zone, length)
const UTC = calendarOf('UTC')
const iso = (ms: number) => new Date(ms).toISOString()
const read = (asked: { from?: string; to?: string }, zone = 'UTC') => {
  const period = reportPeriod(asked, NOW_MS, calendarOf(zone))
  return 'path' in period ? period : [iso(period.fromMs), iso(period.toMs)]
}

describe('the period of a report', () => {
  it('is by default the local month so far', () => {
    expect(read({})).toEqual(['2026-11-01T00:00:00.000Z', '2026-11-21T11:00:00.000Z'])
    expect(read({}, 'Asia/Kolkata')).toEqual(['2026-10-31T18:30:00.000Z', '2026-11-21T11:00:00.000Z'])
  })

  it.each([
    ['UTC', '2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['Asia/Kathmandu', '2026-11-01', '2026-10-31T18:15:00.000Z'],
    ['America/St_Johns', '2026-11-01', '2026-11-01T02:30:00.000Z'],
    ['Pacific/Kiritimati', '2026-11-01', '2026-10-31T10:00:00.000Z'],
    ['Pacific/Pago_Pago', '2026-11-01', '2026-11-01T11:00:00.000Z'],
    ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00.000Z'],
    ['Europe/Berlin', '2026-03-30', '2026-03-29T22:00:00.000Z'],
  ])('in %s begins %s at %s', (zone, date, instant) => expect(read({ from: date, to: '2026-11-02T00:00:00Z' }, zone)).toEqual([instant, '2026-11-02T00:00:00.000Z']))

  it('may begin and end within an hour, at any offset', () => {
    expect(read({ from: '2026-11-01T10:20:30.5Z', to: '2026-11-01T10:20+00:00' })).toEqual({ path: 'to', message: 'must be after from' })
    expect(read({ from: '2026-11-01T10:20:30.5+05:30', to: '2026-11-01T10:20:31Z' })).toEqual(['2026-11-01T04:50:30.500Z', '2026-11-01T10:20:31.000Z'])
  })

  it('of a date that a zone skipped begins where the next day does', () => {
    const skipped = reportPeriod({ from: '2011-12-30', to: '2012-01-02' }, NOW_MS, calendarOf('Pacific/Apia'))
    expect(skipped).toEqual({ fromMs: Date.UTC(2011, 11, 30, 10), toMs: Date.UTC(2012, 0, 1, 10) })
  })

  it.each(['', 'yesterday', '2026', '1', '2026-11', '2026-13-01', '2026-02-30', '2026-02-30T00:00:00Z', '2026-11-01T10:00:00', '2026-11-01T24:00:00Z', '2026-11-01T10:00:00 01:00', '2026-11-01T10:00Z extra', '20261101', '2026-W45', 'NaN', '-000001-01-01', '+275760-09-13', '0026-11-01', '9999-12-31', '1999-12-31T00:00:00Z', '2026-11-01T10:00:00+99:99'])('%j is no time, and the message says which field and what would be', (text) => {
    for (const path of ['from', 'to'] as const) expect(read({ [path]: text })).toEqual({ path, message: expect.stringMatching(/2026-11-01.*RFC 3339/) })
  })

  it.each([
    [{ from: '2026-11-02', to: '2026-11-02' }, 'to', 'must be after from'],
    [{ from: '2026-11-02', to: '2026-11-01' }, 'to', 'must be after from'],
    [{ to: '2026-10-01' }, 'to', 'must be after from'],
    [{ from: '2027-01-01' }, 'from', 'must not be in the future, unless to is given'],
    [{ from: '2020-01-01' }, 'from', 'must be at most 400 days before to'],
    [{ from: '2026-01-01', to: '2099-12-31' }, 'from', 'must be at most 400 days before to'],
  ])('%j: %s %s', (asked, path, message) => expect(read(asked)).toEqual({ path, message }))

  it('of any text at all is a period or a problem, never a fault', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{2}[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-9:.Z+-]{0,16})?$/), fc.stringMatching(/^20[0-9]{2}-[01][0-9]-[0-3][0-9]$/))
    fc.assert(fc.property(text, text, (from, to) => expect(() => reportPeriod({ from, to }, NOW_MS, UTC)).not.toThrow()), { numRuns: 2_000 })
  })
})

/** Minutes, since every offset since 1972 is of whole minutes and no rule changes within one. */
const ZONES = Intl.supportedValuesOf('timeZone')
const periods = fc.record({ zone: fc.constantFrom(...ZONES, 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Europe/London'), fromMs: fc.integer({ min: 26_000_000, max: 31_000_000 }).map((minutes) => minutes * 60_000), minutes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40 * 1_440 })) })
const edgesOf = (fromMs: number, toMs: number, days: number[]) => [fromMs, ...days.filter((ms) => ms > fromMs && ms < toMs), toMs]

describe('local days', () => {
  it('tile the period in every zone, and are named by their dates', () => {
    fc.assert(
      fc.property(periods, ({ zone, fromMs, minutes }) => {
        const toMs = fromMs + minutes * 60_000
        const { startsAtMs, dates } = localDays({ fromMs, toMs }, calendarOf(zone))
        expect(startsAtMs[0]).toBeLessThanOrEqual(fromMs)
        startsAtMs.forEach((start, i) => {
          const day = periodAt(start, zone, 'day')
          expect([day.startsAtMs, day.id]).toEqual([start, `day:${dates[i]}`])
          expect(day.endsAtMs).toBe(startsAtMs[i + 1] ?? day.endsAtMs)
          if (i === startsAtMs.length - 1) expect(day.endsAtMs).toBeGreaterThanOrEqual(toMs)
        })
      }),
      { numRuns: 200 },
    )
  })
})

describe('the reading of a report', () => {
  const coarsest = fc.constantFrom<Coarsest>('month', 'day', 'hour')

  /** How often an instant is read, given that a rollup answers for its bucket as a whole. */
  function timesRead(instantMs: number, { months, days, hours, splitHoursMs, calls }: ReturnType<typeof planReading>): number {
    const within = (ranges: readonly Range[], ms: number) => ranges.filter(({ fromMs, toMs }) => ms >= fromMs && ms < toMs).length
    const hourMs = Math.floor(instantMs / HOUR_MS) * HOUR_MS
    return within(months, Date.parse(`${iso(instantMs).slice(0, 7)}-01`)) + within(days, Math.floor(instantMs / DAY_MS) * DAY_MS) + (splitHoursMs.includes(hourMs) ? 0 : within(hours, hourMs)) + within(calls, instantMs)
  }

  it('counts every instant of the period once and none outside it, whichever the zone, days and hours', () => {
    fc.assert(
      fc.property(periods, fc.boolean(), coarsest, fc.array(fc.integer({ min: -3_000, max: 60_000 }), { minLength: 20, maxLength: 20 }), ({ zone, fromMs, minutes }, isDaily, longest, offsets) => {
        const toMs = fromMs + minutes * 60_000
        const edges = edgesOf(fromMs, toMs, isDaily ? [...localDays({ fromMs, toMs }, calendarOf(zone)).startsAtMs] : [])
        const reading = planReading(edges, longest)
        const instants = [...offsets.map((offset) => fromMs + offset * 60_000), ...edges.flatMap((edge) => [edge - 1, edge])]
        expect(instants.filter((ms) => timesRead(ms, reading) !== (ms >= fromMs && ms < toMs ? 1 : 0)).map(iso)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('lets no bucket cross an edge', () => {
    fc.assert(
      fc.property(periods, coarsest, ({ zone, fromMs, minutes }, longest) => {
        const toMs = fromMs + minutes * 60_000
        const edges = edgesOf(fromMs, toMs, [...localDays({ fromMs, toMs }, calendarOf(zone)).startsAtMs])
        const reading = planReading(edges, longest)
        for (const edge of edges) {
          const inside = (ranges: readonly Range[], unitMs: number) => edge % unitMs !== 0 && ranges.some((range) => edge > range.fromMs && edge < range.toMs)
          expect(inside(reading.days, DAY_MS)).toBe(false)
          if (inside(reading.hours, HOUR_MS)) expect(reading.splitHoursMs).toContain(Math.floor(edge / HOUR_MS) * HOUR_MS)
        }
        if (longest === 'hour') expect(reading.days).toEqual([])
        if (longest !== 'month') expect(reading.months).toEqual([])
        for (const { fromMs: start, toMs: end } of reading.months) expect(edges.filter((edge) => edge > start && edge < end).every((edge) => iso(edge).endsWith('-01T00:00:00.000Z'))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  const plan = (zone: string, asked: { from: string; to: string }, isDaily: boolean) => {
    const { fromMs, toMs } = reportPeriod(asked, NOW_MS, calendarOf(zone)) as Range
    const { days, hours, calls } = planReading(edgesOf(fromMs, toMs, isDaily ? [...localDays({ fromMs, toMs }, calendarOf(zone)).startsAtMs] : []), 'day')
    return [days, hours, calls].map((ranges) => ranges.map((range) => `${iso(range.fromMs).slice(5, 16)} ${iso(range.toMs).slice(5, 16)}`))
  }
  const MONTH = { from: '2026-11-01', to: '2026-12-01' }

  it('is of whole days wherever it can', () => {
    expect(plan('UTC', MONTH, true)).toEqual([['11-01T00:00 12-01T00:00'], [], []])
    expect(plan('Europe/Berlin', MONTH, false)).toEqual([['11-01T00:00 11-30T00:00'], ['10-31T23:00 11-01T00:00', '11-30T00:00 11-30T23:00'], []])
    expect(plan('Europe/London', { from: '2026-10-20', to: '2026-11-01' }, true)).toEqual([['10-25T00:00 11-01T00:00'], ['10-19T23:00 10-25T00:00'], []])
  })

  it('is of whole months where nothing finer is asked, with days and hours around them', () => {
    const months = (from: string, to: string) => planReading([Date.parse(from), Date.parse(to)], 'month')
    const text = (ranges: readonly Range[]) => ranges.map((range) => `${iso(range.fromMs).slice(0, 16)} ${iso(range.toMs).slice(0, 16)}`)
    expect(months('2026-11-01', '2026-12-01')).toMatchObject({ days: [], hours: [] })
    expect(text(months('2026-11-01', '2027-01-01').months)).toEqual(['2026-11-01T00:00 2027-01-01T00:00'])
    expect(text(months('2026-10-30T22:00Z', '2026-12-02').months)).toEqual(['2026-11-01T00:00 2026-12-01T00:00'])
    expect(text(months('2026-10-30T22:00Z', '2026-12-02').days)).toEqual(['2026-10-31T00:00 2026-11-01T00:00', '2026-12-01T00:00 2026-12-02T00:00'])
    expect(months('2026-11-01', '2026-11-30T23:59Z').months).toEqual([])
  })

  it('of an end to come is of the whole month, and of a past end is as it was', () => {
    const [now, past] = [Date.parse('2026-11-21T10:00Z'), Date.parse('2026-11-21T09:59Z')]
    expect(['2026-11-21T11:00Z', '2026-12-01', '2026-12-01T01:00Z', '2027-01-15'].map((to) => iso(untilNow(Date.parse(to), now)).slice(0, 10))).toEqual(['2026-12-01', '2026-12-01', '2027-01-01', '2027-02-01'])
    expect([untilNow(past, now), untilNow(now, now)]).toEqual([past, now])
  })

  it('reads calls one by one only in hours that a midnight or an end splits', () => {
    expect(plan('Asia/Kolkata', { from: '2026-11-01', to: '2026-11-04' }, false)).toEqual([['11-01T00:00 11-03T00:00'], ['10-31T18:00 11-01T00:00', '11-03T00:00 11-03T19:00'], ['10-31T18:30 10-31T19:00', '11-03T18:00 11-03T18:30']])
    expect(plan('Asia/Kolkata', { from: '2026-11-01', to: '2026-11-03' }, true)).toEqual([[], ['10-31T18:00 11-02T19:00'], ['10-31T18:30 10-31T19:00', '11-01T18:00 11-01T19:00', '11-02T18:00 11-02T18:30']])
    expect(plan('UTC', { from: '2026-11-01T10:10:00Z', to: '2026-11-01T10:20:00Z' }, false)).toEqual([[], ['11-01T10:00 11-01T11:00'], ['11-01T10:10 11-01T10:20']])
  })
})
