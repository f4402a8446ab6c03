import fc from 'fast-check'
import type { Usage } from '../kernel'
import { costOf, priceInForce, providerPriceInForce, type Price, type PriceQuery } from './price'
import { upperBoundCost } from './estimate'

const BASE: Price = {
  id: '1', book: 'tariff', model: 'm', provider: null, region: null, tier: null, tenantId: null, effectiveAtMs: 0, createdAtMs: 0, currency: 'USD', inputPico: 3n, outputPico: 7n,
  cachedInputPico: null, cacheWritePico: null, reasoningPico: null, perRequestPico: 0n, gpuSecondPico: null, isFree: false, source: 'test',
}
const usageOf = (promptTokens: number, completionTokens: number, over: Partial<Usage> = {}): Usage => ({ promptTokens, completionTokens, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider', ...over })

const pico = fc.bigInt({ min: 0n, max: 10n ** 13n })
const maybePico = fc.option(pico, { nil: null })
/** At most nine decimals a second, as the door and the database demand. */
const gpuSecondPico = fc.option(fc.bigInt({ min: 0n, max: 10n ** 13n }).map((nano) => nano * 1000n), { nil: null })
const gpuMs = fc.nat(3_600_000)
const price: fc.Arbitrary<Price> = fc.record({ inputPico: pico, outputPico: pico, cachedInputPico: maybePico, cacheWritePico: maybePico, reasoningPico: maybePico, perRequestPico: pico, gpuSecondPico }).map((over) => ({ ...BASE, ...over }))
/** A usage within `most` tokens each way, its details parts of their totals. */
const usageWithin = (most: number) =>
  fc.tuple(fc.nat(most), fc.nat(most), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })).map(([prompt, completion, a, b, c]) => {
    const cachedTokens = Math.floor(prompt * a)
    return usageOf(prompt, completion, { cachedTokens, cacheWriteTokens: Math.floor((prompt - cachedTokens) * b), reasoningTokens: Math.floor(completion * c) })
  })

describe('cost', () => {
  it('is the exact sum over all classes, an absent class at the price of its parent', () => {
    fc.assert(
      fc.property(usageWithin(10_000_000), price, gpuMs, (usage, p, ms) => {
        const classes: [number, bigint][] = [
          [usage.promptTokens - usage.cachedTokens - usage.cacheWriteTokens, p.inputPico],
          [usage.cachedTokens, p.cachedInputPico ?? p.inputPico],
          [usage.cacheWriteTokens, p.cacheWritePico ?? p.inputPico],
          [usage.completionTokens - usage.reasoningTokens, p.outputPico],
          [usage.reasoningTokens, p.reasoningPico ?? p.outputPico],
        ]
        // as a fraction over a thousand, so that nothing is divided
        const thousandfold = classes.reduce((sum, [tokens, each]) => sum + BigInt(tokens) * each, p.perRequestPico) * 1000n + BigInt(ms) * (p.gpuSecondPico ?? 0n)
        expect(costOf(usage, p, ms) * 1000n).toBe(thousandfold)
      }),
      { numRuns: 1_000 },
    )
  })

  it('a class priced zero is free, a class without a price is not', () => {
    const usage = usageOf(10, 10, { cachedTokens: 10, reasoningTokens: 10 })
    expect(costOf(usage, { ...BASE, cachedInputPico: 0n, reasoningPico: 0n }, 0)).toBe(0n)
    expect(costOf(usage, BASE, 0)).toBe(30n + 70n)
  })

  it('of nothing is the fee per request', () => expect(costOf(usageOf(0, 0), { ...BASE, perRequestPico: 5n }, 0)).toBe(5n))
  it('of time on a GPU is charged by the millisecond', () => expect(costOf(usageOf(0, 0), { ...BASE, gpuSecondPico: 2_000n }, 1_501)).toBe(3_002n))
  it('of a free price is nothing, fee included', () => expect(costOf(usageOf(10, 10), { ...BASE, isFree: true, perRequestPico: 5n, gpuSecondPico: 5_000n }, 7)).toBe(0n))
  it('of a lie never becomes a credit', () => expect(costOf(usageOf(1, 1, { cachedTokens: 9, reasoningTokens: 9 }), { ...BASE, cachedInputPico: 0n, reasoningPico: 0n }, 0)).toBe(0n))
  it('of a million rows adds up without drift', () => {
    const [usage, tokenPrice] = [usageOf(1, 0), { ...BASE, inputPico: 100_000n }]
    let sum = 0n
    for (let i = 0; i < 1_000_000; i++) sum += costOf(usage, tokenPrice, 0)
    expect(sum).toBe(100_000n * 1_000_000n)
  })
})

describe('the upper bound', () => {
  it('is never below the cost of any usage within it', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), usageWithin(1_000_000), price, gpuMs, gpuMs, (morePrompt, moreOutput, usage, p, ms, moreMs) => {
        expect(upperBoundCost(usage.promptTokens + morePrompt, usage.completionTokens + moreOutput, p, ms + moreMs)).toBeGreaterThanOrEqual(costOf(usage, p, ms))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is reached, so it reserves no more than it must', () => {
    fc.assert(fc.property(fc.nat(1_000), fc.nat(1_000), fc.tuple(pico, pico, gpuSecondPico), gpuMs, (prompt, output, [inputPico, outputPico, gpuSecondPico], ms) => {
      const p = { ...BASE, inputPico, outputPico, gpuSecondPico }
      expect(upperBoundCost(prompt, output, p, ms)).toBe(costOf(usageOf(prompt, output), p, ms))
    }))
  })
})

describe('the price in force', () => {
  const query: PriceQuery = { model: 'm', provider: 'ollama', region: 'eu', tier: 'free', tenantId: 't', currency: 'USD', atMs: 100 }
  const scope = fc.record({
    model: fc.constantFrom('m', '*', 'other'), provider: fc.constantFrom(null, 'ollama', 'openai'), region: fc.constantFrom(null, 'eu', 'us'),
    tier: fc.constantFrom(null, 'free', 'premium'), tenantId: fc.constantFrom(null, 't', 'u'), effectiveAtMs: fc.integer({ min: 0, max: 200 }), createdAtMs: fc.nat(5),
    book: fc.constantFrom('tariff' as const, 'provider' as const), currency: fc.constantFrom('USD', 'USD', 'EUR'),
  })
  const rows = fc.array(scope, { maxLength: 12 }).map((all) => all.map((over, i) => ({ ...BASE, ...over, id: String(i + 10) })))
  /** What makes a row more special, strongest first; then what makes it later. */
  const rank = (p: Price) => [p.book === 'tariff' ? 1 : 0, p.model === 'm' ? 1 : 0, p.tenantId ? 1 : 0, p.tier ? 1 : 0, p.region ? 1 : 0, p.provider ? 1 : 0, p.effectiveAtMs, p.createdAtMs, Number(p.id)]
  const compare = (a: Price, b: Price) => rank(a).reduce((sign, value, i) => sign || value - rank(b)[i]!, 0)
  const applies = (p: Price) => p.model !== 'other' && p.provider !== 'openai' && p.region !== 'us' && p.tier !== 'premium' && p.tenantId !== 'u' && p.currency === 'USD' && p.effectiveAtMs <= 100

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
    fc.assert(fc.property(rows.chain((prices) => fc.tuple(fc.constant(prices), fc.shuffledSubarray(prices, { minLength: prices.length }))), ([prices, shuffled]) => {
      expect(priceInForce(shuffled, query)?.id).toBe(priceInForce(prices, query)?.id)
    }), { numRuns: 2_000 })
  })

  it('is the same whatever order equal rows come in: the greatest id decides last', () => {
    const twins = fc.tuple(fc.constantFrom(50, 60), fc.constantFrom(0, 1)).map(([effectiveAtMs, createdAtMs]) => ({ effectiveAtMs, createdAtMs }))
    fc.assert(fc.property(fc.array(twins, { minLength: 2, maxLength: 8 }), (all) => {
      const prices = all.map((over, i) => ({ ...BASE, ...over, id: String(i + 10) }))
      const latest = prices.toSorted((a, b) => a.effectiveAtMs - b.effectiveAtMs || a.createdAtMs - b.createdAtMs || Number(a.id) - Number(b.id)).at(-1)!
      expect([priceInForce(prices, query)!.id, priceInForce(prices.toReversed(), query)!.id]).toEqual([latest.id, latest.id])
    }))
  })

  it('changes at the very millisecond a row becomes effective, and not before', () => {
    const prices = [BASE, { ...BASE, id: '2', effectiveAtMs: 100 }]
    expect(priceInForce(prices, { ...query, atMs: 99 })!.id).toBe('1')
    expect(priceInForce(prices, { ...query, atMs: 100 })!.id).toBe('2')
  })

  it("is the provider's own while the tariff has none, and never the tariff's when a provider's cost is asked", () => {
    const list = { ...BASE, id: 'list', book: 'provider' as const, provider: 'ollama', model: 'm', effectiveAtMs: 99 }
    const general = { ...BASE, id: 'general', model: '*' }
    expect(priceInForce([list], query)!.id).toBe('list')
    expect(priceInForce([list, general], query)!.id).toBe('general')
    expect(providerPriceInForce([list, general], query)!.id).toBe('list')
    expect(providerPriceInForce([general], query)).toBeNull()
  })
})
