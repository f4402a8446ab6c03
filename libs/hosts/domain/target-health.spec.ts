import fc from 'fast-check'
import { admittedShare, afterReport, afterTrial, isDue, isFlagged, isOpen, merged, reportOf, UNKNOWN, type TargetHealth, type TargetReport } from './target-health'

const START = 1_700_000_000_000
const ended = (health: TargetHealth, error: string | null, atMs: number) => afterReport(health, reportOf(health.generation, error, atMs), 'host')
const failing = (times: number, atMs: number, from = UNKNOWN) => Array.from({ length: times }).reduce<TargetHealth>((health) => ended(health, 'http 503', atMs), from)

describe('a circuit', () => {
  it('opens at the third failure in a row, not at the second, and not when a success lay between', () => {
    expect(isOpen(failing(2, START))).toBe(false)
    expect(isOpen(failing(3, START))).toBe(true)
    expect(isOpen(failing(2, START, ended(failing(2, START), null, START)))).toBe(false)
  })

  it('opens when half of ten calls within thirty seconds failed, in whatever order', () => {
    const alternate = (calls: number, stepMs: number) => Array.from({ length: calls }).reduce<TargetHealth>((health, _, i) => ended(health, i % 2 ? 'http 502' : null, START + i * stepMs), UNKNOWN)
    expect(isOpen(alternate(9, 10))).toBe(false)
    expect(isOpen(alternate(10, 10))).toBe(true)
    expect(isOpen(alternate(40, 8_000))).toBe(false)
  })

  it('stays open ten seconds, then twice as long each time up to five minutes, a fifth more or less', () => {
    let health = failing(3, START)
    let nowMs = START
    for (const seconds of [10, 20, 40, 80, 160, 300, 300, 300]) {
      const openMs = health.openUntilMs - nowMs
      expect(Math.abs(openMs / (seconds * 1000) - 1)).toBeLessThanOrEqual(0.2)
      expect([isDue(health, health.openUntilMs - 1), isDue(health, health.openUntilMs)]).toEqual([false, true])
      nowMs = health.openUntilMs
      health = afterTrial(health, false, nowMs, 'host')
    }
  })

  it('does not open two hosts for the same time', () => {
    const times = ['a', 'b', 'c', 'd'].map((salt) => afterReport(UNKNOWN, { ...reportOf(0, 'x', START), failed: 3, failedAtEnd: 3 }, salt).openUntilMs)
    expect(new Set(times).size).toBe(4)
  })

  it('closes after its trial with a tenth of its capacity, and has all of it half a minute later', () => {
    const open = failing(3, START)
    const closedMs = open.openUntilMs
    const closed = afterTrial(open, true, closedMs, 'host')
    expect(isOpen(closed)).toBe(false)
    expect([0, 1_000, 15_500, 29_999, 30_000].map((ms) => Number(admittedShare(closed, closedMs + ms).toFixed(2)))).toEqual([0.1, 0.1, 0.55, 1, 1])
    expect(admittedShare(UNKNOWN, START)).toBe(1)
  })

  it('forgives an opening for every ten healthy minutes', () => {
    const twice = afterTrial(failing(3, START), false, START + 20_000, 'host')
    const closed = afterTrial(twice, true, START + 60_000, 'host')
    expect(failing(3, START + 61_000, closed).timesOpened).toBe(3)
    expect(failing(3, START + 60_000 + 600_000, closed).timesOpened).toBe(2)
    expect(failing(3, START + 60_000 + 6_000_000, closed).timesOpened).toBe(1)
  })

  it('is not judged by calls that began before it opened or closed', () => {
    const late = reportOf(0, 'http 503', START + 1_000)
    const open = failing(3, START)
    expect(afterReport(open, late, 'host')).toMatchObject({ generation: 1, openUntilMs: open.openUntilMs, timesOpened: 1 })
    expect(isOpen(afterReport(open, reportOf(0, null, START + 1_000), 'host'))).toBe(true)
    const closed = afterTrial(open, true, open.openUntilMs, 'host')
    expect([1, 2, 3].reduce((health) => afterReport(health, late, 'host'), closed)).toMatchObject({ failuresInRow: 0, buckets: [], lastUsedMs: START + 1_000 })
  })
})

describe('the health rule', () => {
  it('flags a target for a minute after an error', () => {
    const health = ended(UNKNOWN, 'connect ECONNREFUSED', START)
    expect([isFlagged(health, START + 59_999), isFlagged(health, START + 60_000 + 300_000)]).toEqual([true, false])
    expect(health).toMatchObject({ lastError: 'connect ECONNREFUSED', lastErrorMs: START })
  })

  it('flags a target of whose calls less than half succeeded', () => {
    const health = [null, 'x', 'x'].reduce((so: TargetHealth, error) => ended(so, error, START), UNKNOWN)
    expect(isFlagged(health, START + 61_000)).toBe(true)
    expect(isFlagged(ended(ended(health, null, START + 61_000), null, START + 61_000), START + 62_000)).toBe(false)
  })
})

describe('reports', () => {
  const call = fc.record({ error: fc.constantFrom(null, 'x'), atMs: fc.integer({ min: 0, max: 40 }).map((s) => START + s * 1_000) })

  it('folded say what they said one by one, as long as no circuit opens between', () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 8 }), (calls) => {
        const sorted = calls.toSorted((a, b) => a.atMs - b.atMs)
        const single = sorted.reduce<TargetHealth>((health, { error, atMs }) => ended(health, error, atMs), UNKNOWN)
        const folded = afterReport(UNKNOWN, sorted.reduce<TargetReport | null>((so, { error, atMs }) => merged(so, reportOf(0, error, atMs)), null)!, 'host')
        if (single.generation > 0) return
        expect(folded).toMatchObject({ failuresInRow: single.failuresInRow, lastError: single.lastError, lastErrorMs: single.lastErrorMs, lastUsedMs: single.lastUsedMs })
      }),
    )
  })

  it('of an older generation are not counted with a newer one', () => {
    expect(merged(reportOf(1, 'new', START), reportOf(0, null, START))).toMatchObject({ generation: 1, ok: 0, failed: 1 })
    expect(merged(reportOf(0, 'old', START), reportOf(1, null, START))).toMatchObject({ generation: 1, ok: 1, failed: 0, lastError: 'old' })
  })
})
