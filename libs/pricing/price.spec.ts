import fc from 'fast-check'
import type { Usage } from '../kernel'
import { costOf, priceInForce, type Price, type PriceQuery } from './price'
import { upperBoundCost } from './estimate'

const BASE: Price = {
  id: '1', model: 'm', provider: null, region: null, tier: null, tenantId: null, effectiveAtMs: 0, createdAtMs: 0, currency: 'USD', inputPico: 3n, outputPico: 7n,
  cachedInputPico: null, cacheWritePico: null, reasoningPico: null, perRequestPico: 0n, gpuSecondPico: null, isFree: false, source: 'test',
}
const usageOf = (promptTokens: number, completionTokens: number, over: Partial<Usage> = {}): Usage => ({ promptTokens, completionTokens, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider', ...over })

const pico = fc.bigInt({ min: 0n, max: 10n ** 13n })
const maybePico = fc.option(pico, { nil: null })
const price: fc.Arbitrary<Price> = fc.record({ inputPico: pico, outputPico: pico, cachedInputPico: maybePico, cacheWritePico: maybePico, reasoningPico: maybePico, perRequestPico: pico }).map((over) => ({ ...BASE, ...over }))
/** A usage within `most` tokens each way, its details parts of their totals. */
const usageWithin = (most: number) =>
  fc.tuple(fc.nat(most), fc.nat(most), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })).map(([prompt, completion, a, b, c]) => {
    const cachedTokens = Math.floor(prompt * a)
    return usageOf(prompt, completion, { cachedTokens, cacheWriteTokens: Math.floor((prompt - cachedTokens) * b), reasoningTokens: Math.floor(completion * c) })
  })

describe('cost', () => {
  it('is the exact sum over all classes, an absent class at the price of its parent', () => {
    fc.assert(
      fc.property(usageWithin(10_000_000), price, (usage, p) => {
        const classes: [number, bigint][] = [
          [usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens, p.inputPico],
          [usage.cachedTokens, p.cachedInputPico ?? p.inputPico],
          [usage.cacheWriteTokens, p.cacheWritePico ?? p.inputPico],
          [usage.completionTokens - usage.reasoningTokens, p.outputPico],
          [usage.reasoningTokens, p.reasoningPico ?? p.outputPico],
        ]
        expect(costOf(usage, p)).toBe(classes.reduce((sum, [tokens, each]) => sum + BigInt(tokens) * each, p.perRequestPico))
      }),
      { numRuns: 1_000 },
    )
  })

  it('a class priced zero is free, a class without a price is not', () => {
    const usage = usageOf(10, 10, { cachedTokens: 10, reasoningTokens: 10 })
    expect(costOf(usage, { ...BASE, cachedInputPico: 0n, reasoningPico: 0n })).toBe(0n)
    expect(costOf(usage, BASE)).toBe(30n + 70n)
  })

  it('of nothing is the fee per request', () => expect(costOf(usageOf(0, 0), { ...BASE, perRequestPico: 5n })).toBe(5n))
  it('of a free price is nothing, fee included', () => expect(costOf(usageOf(10, 10), { ...BASE, isFree: true, perRequestPico: 5n })).toBe(0n))
  it('of a lie never becomes a credit', () => expect(costOf(usageOf(1, 1, { cachedTokens: 9, reasoningTokens: 9 }), { ...BASE, cachedInputPico: 0n, reasoningPico: 0n })).toBe(0n))
  it('of a million rows adds up without drift', () => {
    let sum = 0n
    for (let i = 0; i < 1_000_000; i++) sum += costOf(usageOf(1, 0), { ...BASE, inputPico: 100_000n })
    expect(sum).toBe(100_000n * 1_000_000n)
  })
})

describe('the upper bound', () => {
  it('is never below the cost of any usage within it', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), usageWithin(1_000_000), price, (morePrompt, moreOutput, usage, p) => {
        expect(upperBoundCost(usage.promptTokens + morePrompt, usage.completionTokens + moreOutput, p)).toBeGreaterThanOrEqual(costOf(usage, p))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is reached, so it reserves no more than it must', () => {
    fc.assert(fc.property(fc.nat(1_000), fc.nat(1_000), fc.tuple(pico, pico), (prompt, output, [inputPico, outputPico]) => {
      const p = { ...BASE, inputPico, outputPico }
      expect(upperBoundCost(prompt, output, p)).toBe(costOf(usageOf(prompt, output), p))
    }))
  })
})

describe('the price in force', () => {
  const query: PriceQuery = { model: 'm', provider: 'ollama', region: 'eu', tier: 'free', tenantId: 't', atMs: 100 }
  const scope = fc.record({
    model: fc.constantFrom('m', '*', 'other'), provider: fc.constantFrom(null, 'ollama', 'openai'), region: fc.constantFrom(null, 'eu', 'us'),
    tier: fc.constantFrom(null, 'free', 'premium'), tenantId: fc.constantFrom(null, 't', 'u'), effectiveAtMs: fc.integer({ min: 0, max: 200 }), createdAtMs: fc.nat(5),
  })
  const rows = fc.array(scope.map((over) => ({ ...BASE, ...over })), { maxLength: 12 })
  /** What makes a row more special, strongest first; then what makes it later. */
  const rank = (p: Price) => [p.model === 'm' ? 1 : 0, p.tenantId ? 1 : 0, p.tier ? 1 : 0, p.region ? 1 : 0, p.provider ? 1 : 0, p.effectiveAtMs, p.createdAtMs]
  const compare = (a: Price, b: Price) => rank(a).reduce((sign, value, i) => sign || value - rank(b)[i]!, 0)
  const applies = (p: Price) => p.model !== 'other' && p.provider !== 'openai' && p.region !== 'us' && p.tier !== 'premium' && p.tenantId !== 'u' && p.effectiveAtMs <= 100

  it('applies, and no other applying row is more special or, as special, later', () => {
    fc.assert(
      fc.property(rows, (prices) => {
        const found = priceInForce(prices, query)
        const possible = prices.filter(applies)
        if (possible.length === 0) return expect(found).toBeNull()
        expect(applies(found!)).toBe(true)
        for (const other of possible) expect(compare(found!, other)).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 2_000 },
    )
  })

  it('does not depend on the order of rows', () => {
    fc.assert(fc.property(rows, (prices) => {
      const [a, b] = [priceInForce(prices, query), priceInForce(prices.toReversed(), query)]
      expect(a && rank(a)).toEqual(b && rank(b))
    }))
  })

  it('changes at the very millisecond a row becomes effective, and not before', () => {
    const prices = [BASE, { ...BASE, id: '2', effectiveAtMs: 100 }]
    expect(priceInForce(prices, { ...query, atMs: 99 })!.id).toBe('1')
    expect(priceInForce(prices, { ...query, atMs: 100 })!.id).toBe('2')
  })
})
