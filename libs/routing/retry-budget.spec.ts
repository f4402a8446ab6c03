import fc from 'fast-check'
import { RetryBudgets } from './retry-budget'

/** Retries granted now, out of `wanted`. */
const granted = (budgets: RetryBudgets, nowMs: number, wanted = 1_000, pool = 'm') => Array.from({ length: wanted }, () => budgets.takeRetry(pool, nowMs)).filter(Boolean).length

function after(requests: number, atMs = 0, budgets = new RetryBudgets()): RetryBudgets {
  for (let i = 0; i < requests; i++) budgets.noteRequest('m', atMs)
  return budgets
}

describe('the retry budget', () => {
  it.each([
    [1, 3], [10, 3], [39, 3], [40, 4], [100, 10], [1_005, 100],
  ])('of %i requests: %i', (requests, retries) => expect(granted(after(requests), 0)).toBe(retries))

  it('is of each pool alone, and nothing for a pool nobody asked', () => {
    const budgets = after(100)
    budgets.noteRequest('other', 0)
    expect([granted(budgets, 0, 99, 'other'), granted(budgets, 0), granted(budgets, 0, 1, 'nobody')]).toEqual([3, 10, 0])
  })

  it('comes back as what was spent grows older than a minute', () => {
    const budgets = after(100, 5_000)
    expect(granted(budgets, 30_000, 4)).toBe(4)
    expect(granted(budgets, 64_999)).toBe(6)
    // Now the requests are forgotten, and the retries are not.
    expect(granted(budgets, 65_000)).toBe(0)
    expect(granted(budgets, 90_000)).toBe(0)
    expect(granted(budgets, 125_000)).toBe(3)
  })

  it('holds at every moment of any history', () => {
    const deed = fc.tuple(fc.nat(20_000), fc.nat(30), fc.nat(30))
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 60 }), (history) => {
        const budgets = new RetryBudgets()
        const log: { atMs: number; isRetry: boolean }[] = []
        let nowMs = 0
        for (const [waitMs, requests, wanted] of history) {
          nowMs += waitMs
          for (let i = 0; i < requests; i++) {
            budgets.noteRequest('m', nowMs)
            log.push({ atMs: nowMs, isRetry: false })
          }
          for (let i = 0; i < wanted; i++) {
            const since = Math.floor(nowMs / 1000) - 59
            const window = log.filter(({ atMs }) => Math.floor(atMs / 1000) >= since)
            const spent = window.filter(({ isRetry }) => isRetry).length
            const isLeft = spent < Math.max(3, Math.floor((window.length - spent) / 10))
            expect(budgets.takeRetry('m', nowMs)).toBe(isLeft && log.length > 0)
            if (isLeft && log.length > 0) log.push({ atMs: nowMs, isRetry: true })
          }
        }
      }),
    )
  })

  it('remembers so many pools, those asked last', () => {
    const budgets = new RetryBudgets(2)
    for (const pool of ['a', 'b', 'a', 'c']) budgets.noteRequest(pool, 0)
    expect(['a', 'b', 'c'].map((pool) => granted(budgets, 0, 1, pool))).toEqual([1, 0, 1])
  })

  it('survives a clock that stands still or runs back', () => {
    const budgets = after(100, 50_000)
    expect(granted(after(20, 10_000, budgets), 10_000)).toBe(12)
  })
})
