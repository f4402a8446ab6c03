import fc from 'fast-check'
import { hostShareCost, reportedCost } from './provider-cost'

const HOUR_MS = 3_600_000
const cost = fc.bigInt({ min: 0n, max: 10n ** 18n })

describe("an attempt's share of a host", () => {
  it('is its time × cost ÷ (hour × parallel calls), less than a pico below', () => {
    fc.assert(
      fc.property(fc.nat(HOUR_MS), cost, fc.integer({ min: 1, max: 10_000 }), (ms, perHour, parallel) => {
        // share ≤ ms × perHour ÷ (hour × parallel) < share + 1, cross-multiplied
        const [top, bottom] = [BigInt(ms) * perHour, BigInt(HOUR_MS) * BigInt(parallel)]
        const share = hostShareCost(ms, perHour, parallel)
        expect(share * bottom).toBeLessThanOrEqual(top)
        expect((share + 1n) * bottom).toBeGreaterThan(top)
      }),
      { numRuns: 2_000 },
    )
  })

  it('adds up to no more than the host cost, whatever pieces its slots are cut into', () => {
    const slot = fc.array(fc.integer({ min: 1, max: HOUR_MS }), { maxLength: 20 })
    fc.assert(
      fc.property(fc.array(slot, { minLength: 1, maxLength: 8 }), cost, (slots, perHour) => {
        const spanMs = Math.max(0, ...slots.map((pieces) => pieces.reduce((sum, ms) => sum + ms, 0)))
        const shares = slots.flat().reduce((sum, ms) => sum + hostShareCost(ms, perHour, slots.length), 0n)
        expect(shares).toBeLessThanOrEqual(hostShareCost(spanMs, perHour, 1))
      }),
    )
  })

  it('of a host used all the time is the whole cost', () => expect(hostShareCost(HOUR_MS, 2_500_000_000_000n, 1)).toBe(2_500_000_000_000n))
})

describe('the cost a provider reports', () => {
  const of = (usage: object) => reportedCost(JSON.stringify(usage))

  it('is kept digit by digit', () => {
    fc.assert(
      fc.property(fc.nat(99_999), fc.nat(999_999_999), (units, nano) => {
        expect(of({ cost: Number(`${units}.${String(nano).padStart(9, '0')}`) })).toBe(BigInt(units) * 10n ** 12n + BigInt(nano) * 1000n)
      }),
      { numRuns: 2_000 },
    )
  })

  it.each<[string, object, bigint | null]>([
    ['plain', { cost: 0.000423 }, 423_000_000n],
    ['zero is a cost', { cost: 0 }, 0n],
    ['an exponent', { cost: 1.5e-7 }, 150_000n],
    ['finer than a pico, rounded up', { cost: 1e-13 }, 1n],
    ["a float's tail", { cost: 0.1 + 0.2 }, 300_000_000_001n],
    ['text', { cost: '0.25' }, 250_000_000_000n],
    ["with the customer's own key, fee and maker", { cost: 0.01, is_byok: true, cost_details: { upstream_inference_cost: 0.19 } }, 200_000_000_000n],
    ["the maker's part is inside without one", { cost: 0.2, is_byok: false, cost_details: { upstream_inference_cost: 0.19 } }, 200_000_000_000n],
    ['negative', { cost: -1 }, null],
    ['an object', { cost: { total: 1 } }, null],
    ['null', { cost: null }, null],
    ['words', { cost: 'NaN' }, null],
    ['beyond any call', { cost: 1e9 }, null],
    ['none', { prompt_tokens: 1 }, null],
  ])('%s', (_name, usage, pico) => expect(of(usage)).toBe(pico))

  it('of nothing kept is not known', () => expect(reportedCost(null)).toBeNull())
})
