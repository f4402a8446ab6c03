import fc from 'fast-check'
import type { Usage } from '../../kernel'
import { costOf, type Price } from '../../pricing'
import { changedPrice, PRICE_CLASSES, scenarioPrice, type PriceChange, type Scenario } from './scenario'
import { simulateCall, SimulationTotals, type BilledCall } from './simulation'

const UNCHANGED: Scenario = { prices: [], isWholeBook: false, changes: [] }
const BASE: Price = {
  id: 'stored', book: 'tariff', model: 'm', provider: null, region: null, tier: null, tenantId: null, effectiveAtMs: 50, createdAtMs: 50, currency: 'USD', inputPico: 3n, outputPico: 7n,
  cachedInputPico: null, cacheWritePico: null, reasoningPico: null, perRequestPico: 0n, gpuSecondPico: null, isFree: false, source: 'test',
}
const CHANGE: PriceChange = { model: null, provider: null, region: null, tenantId: null, classes: new Set(PRICE_CLASSES), percentMillionths: 0n }
const usageOf = (promptTokens: number, completionTokens: number, over: Partial<Usage> = {}): Usage => ({ promptTokens, completionTokens, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider', ...over })
const callOf = (over: Partial<BilledCall>): BilledCall => ({
  tenantId: 't', tenant: 'acme', tier: 'free', currency: 'USD', model: 'm', provider: 'ollama', region: 'eu', startedAtMs: 100, status: 'completed', usage: usageOf(1, 1), price: BASE, amountPico: 10n, billedPico: 10n, gpuMs: 0, ...over,
})

const pico = fc.bigInt({ min: 0n, max: 10n ** 10n })
const maybe = fc.option(pico, { nil: null })
const price: fc.Arbitrary<Price> = fc
  .record({ inputPico: pico, outputPico: pico, cachedInputPico: maybe, cacheWritePico: maybe, reasoningPico: maybe, perRequestPico: pico, gpuSecondPico: fc.option(pico.map((nano) => nano * 1000n), { nil: null }), isFree: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) })
  .map((over) => ({ ...BASE, ...over }))
const usage = fc.tuple(fc.nat(100_000), fc.nat(100_000), fc.nat(100), fc.nat(100), fc.nat(100)).map(([prompt, completion, a, b, c]) => {
  const cachedTokens = Math.floor((prompt * a) / 100)
  return usageOf(prompt, completion, { cachedTokens, cacheWriteTokens: Math.floor(((prompt - cachedTokens) * b) / 100), reasoningTokens: Math.floor((completion * c) / 100) })
})
/** Any call as the corridor may have billed it: charged or let off, its GPU time recorded or (swept) only in its amount. */
const call = fc.record({ price: fc.option(price, { nil: null, freq: 8 }), usage, gpuMs: fc.nat(600_000), recordedMs: fc.option(fc.nat(600_000), { nil: null }), isCharged: fc.boolean(), status: fc.constantFrom('completed', 'failed', 'aborted', 'swept') }).map(
  ({ price: stored, usage: used, gpuMs, recordedMs, isCharged, status }) => {
    const amountPico = stored && isCharged ? costOf(used, stored, gpuMs) : 0n
    return { gpuMs, isCharged, call: callOf({ price: stored, usage: used, status, amountPico, billedPico: amountPico, gpuMs: recordedMs ?? gpuMs }) }
  },
)

describe('a simulation', () => {
  it('without changes costs what the ledger says, to the pico, whatever was charged or let off', () => {
    fc.assert(fc.property(call, ({ call: one }) => {
      expect(simulateCall(one, UNCHANGED).pico).toBe(one.billedPico)
      expect(simulateCall(one, { ...UNCHANGED, changes: [CHANGE] }).pico).toBe(one.billedPico)
    }), { numRuns: 3_000 })
  })

  it('under another price charges what was charged by the pure function, and lets off what was let off', () => {
    fc.assert(fc.property(call, price, ({ call: one, isCharged, gpuMs }, other) => {
      fc.pre(one.price !== null && costOf(one.usage, one.price, one.gpuMs) > 0n && costOf(one.usage, one.price, gpuMs) > 0n)
      // A time that was not recorded can be read from the amount only where the price has one.
      fc.pre(one.gpuMs === gpuMs || (one.price!.gpuSecondPico ?? 0n) > 0n)
      const found = simulateCall(one, { prices: [{ ...other, id: 'proposed', effectiveAtMs: 0 }], isWholeBook: false, changes: [] })
      expect(found).toEqual(isCharged ? { kind: 'priced', pico: costOf(one.usage, other, gpuMs) } : { kind: 'uncharged', pico: 0n })
    }), { numRuns: 3_000 })
  })

  it('where nothing was to pay follows the charge policy by how the call ended', () => {
    const free = { ...BASE, inputPico: 0n, outputPico: 0n }
    const dear: Scenario = { ...UNCHANGED, prices: [{ ...BASE, id: 'proposed', perRequestPico: 5n }] }
    const judged = (status: string, completionTokens: number) => simulateCall(callOf({ status, usage: usageOf(completionTokens, completionTokens), price: free, amountPico: 0n, billedPico: 0n }), dear)
    expect([judged('completed', 0), judged('completed', 1)]).toEqual([{ kind: 'priced', pico: 5n }, { kind: 'priced', pico: 15n }])
    expect([judged('aborted', 1).kind, judged('swept', 1).kind, judged('aborted', 0).kind, judged('swept', 0).kind, judged('failed', 1).kind]).toEqual(['priced', 'priced', 'uncharged', 'uncharged', 'uncharged'])
  })

  it('keeps what no price explains: a model marked free, an amount that is no sum, a ledger that differs from usage', () => {
    const dear: Scenario = { ...UNCHANGED, prices: [{ ...BASE, id: 'proposed', inputPico: 999n }] }
    expect(simulateCall(callOf({ price: null, amountPico: 0n, billedPico: 0n }), dear)).toEqual({ kind: 'kept', pico: 0n })
    expect(simulateCall(callOf({ amountPico: 11n, billedPico: 11n }), dear)).toEqual({ kind: 'kept', pico: 11n })
    expect(simulateCall(callOf({ billedPico: 9n }), dear)).toEqual({ kind: 'kept', pico: 9n })
  })

  it('folds calls by model, tenant and currency, and loses none', () => {
    fc.assert(fc.property(fc.array(fc.tuple(call, fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y'), fc.constantFrom('USD', 'EUR')), { maxLength: 30 }), (all) => {
      const totals = new SimulationTotals()
      for (const [{ call: one }, model, tenant, currency] of all) totals.add({ ...one, model, tenant, currency, price: one.price && { ...one.price, currency } }, { kind: 'priced', pico: one.billedPico * 2n })
      for (const name of [(g: { model: string }) => g.model, (g: { tenant: string }) => g.tenant]) {
        const sums = totals.by(name).map(({ sums: s }) => s)
        expect(sums.reduce((n, s) => n + s.requests, 0)).toBe(all.length)
        expect(sums.reduce((n, s) => n + s.billedPico, 0n)).toBe(all.reduce((n, [{ call: one }]) => n + one.billedPico, 0n))
        expect(sums.every((s) => s.simulatedPico === 2n * s.billedPico)).toBe(true)
      }
      expect(totals.counts).toEqual({ priced: all.length, uncharged: 0, kept: 0, unpriced: 0 })
    }))
  })
})

describe('the price of a scenario', () => {
  const query = { model: 'm', provider: 'ollama', region: 'eu', tier: 'free', tenantId: 't', currency: 'USD', atMs: 100 }
  const proposed: Price = { ...BASE, id: 'proposed', effectiveAtMs: 0, createdAtMs: 0 }
  const chosen = (over: Partial<Price>, stored: Partial<Price> = {}, scenario: Partial<Scenario> = {}) => scenarioPrice({ ...UNCHANGED, prices: [{ ...proposed, ...over }], ...scenario }, { ...BASE, ...stored }, query)?.id ?? null

  it('is the proposed row where it is as special as the stored one, whatever their dates, or more', () => {
    expect(chosen({})).toBe('proposed')
    expect(chosen({}, { effectiveAtMs: 99 })).toBe('proposed')
    expect(chosen({ tenantId: 't' }, { tier: 'free' })).toBe('proposed')
    expect(chosen({ model: '*' }, { model: '*' })).toBe('proposed')
  })

  it('is the stored one where that is more special, or the proposed one does not match', () => {
    expect(chosen({ model: '*' })).toBe('stored')
    expect(chosen({}, { tenantId: 't' })).toBe('stored')
    expect(chosen({ book: 'provider', provider: 'ollama' })).toBe('stored')
    for (const over of [{ model: 'n' }, { region: 'us' }, { tenantId: 'u' }, { currency: 'EUR' }, { effectiveAtMs: 101 }]) expect(chosen(over)).toBe('stored')
  })

  it('of a whole book never is the stored one', () => {
    expect(chosen({ model: '*' }, {}, { isWholeBook: true })).toBe('proposed')
    expect(chosen({ model: 'n' }, {}, { isWholeBook: true })).toBeNull()
  })

  it('is changed by the first change that matches the call', () => {
    const changes = [{ ...CHANGE, model: 'n', percentMillionths: 1n }, { ...CHANGE, provider: 'ollama', percentMillionths: 100_000_000n }, { ...CHANGE, percentMillionths: 900_000_000n }]
    expect(scenarioPrice({ ...UNCHANGED, changes }, BASE, query)).toMatchObject({ inputPico: 6n, outputPico: 14n, id: 'stored' })
    expect(scenarioPrice({ ...UNCHANGED, changes: [{ ...CHANGE, tenantId: 'u', percentMillionths: 1n }, { ...CHANGE, region: 'us' }] }, BASE, query)).toEqual(BASE)
  })
})

describe('a percentage', () => {
  const percent = fc.bigInt({ min: -100_000_000n, max: 1_000_000_000n })

  it('is exact to the half-even rounding of each class', () => {
    fc.assert(fc.property(price, percent, (p, percentMillionths) => {
      const changed = changedPrice(p, { ...CHANGE, percentMillionths })
      for (const [before, after, step] of [[p.inputPico, changed.inputPico, 1n], [p.perRequestPico, changed.perRequestPico, 1n], [p.gpuSecondPico, changed.gpuSecondPico, 1000n]] as const) {
        if (before === null) { expect(after).toBeNull(); continue }
        const [exact, whole] = [before * (100_000_000n + percentMillionths), 100_000_000n * step]
        const off = (after! / step) * whole - exact
        expect(2n * (off < 0n ? -off : off)).toBeLessThanOrEqual(whole)
        if (2n * (off < 0n ? -off : off) === whole) expect((after! / step) % 2n).toBe(0n)
      }
    }))
  })

  it.each([[5n, 6n], [15n, 16n], [25n, 28n]])('of ten makes %i pico %i: a half goes to the even one', (before, after) => {
    const changed = changedPrice({ ...BASE, inputPico: before, gpuSecondPico: before * 1000n }, { ...CHANGE, percentMillionths: 10_000_000n })
    expect([changed.inputPico, changed.gpuSecondPico]).toEqual([after, after * 1000n])
  })

  it('of nought changes nothing, of −100 leaves nothing', () => {
    fc.assert(fc.property(price, usage, fc.nat(1000), (p, used, ms) => {
      expect(changedPrice(p, CHANGE)).toEqual(p)
      expect(costOf(used, changedPrice(p, { ...CHANGE, percentMillionths: -100_000_000n }), ms)).toBe(0n)
    }))
  })

  it('of some classes leaves the others alone, but for those without a price of their own, which follow their parent', () => {
    const doubled = (names: string[], p: Price = BASE) => changedPrice(p, { ...CHANGE, classes: new Set(names) as PriceChange['classes'], percentMillionths: 100_000_000n })
    const used = usageOf(10, 10, { cachedTokens: 4, cacheWriteTokens: 1, reasoningTokens: 5 })
    expect(costOf(used, BASE, 0)).toBe(30n + 70n)
    expect(costOf(used, doubled(['input']), 0)).toBe(60n + 70n)
    expect(costOf(used, doubled(['input'], { ...BASE, cachedInputPico: 1n }), 0)).toBe(6n * 6n + 4n + 70n)
    expect(costOf(used, doubled(['cached_input']), 0)).toBe(30n + 4n * 3n + 70n)
    expect(costOf(used, doubled(['output', 'reasoning']), 0)).toBe(30n + 140n)
    expect(costOf(used, doubled(['reasoning']), 0)).toBe(30n + 5n * 7n + 5n * 14n)
    expect(costOf(used, doubled(['reasoning'], { ...BASE, reasoningPico: 100n }), 0)).toBe(30n + 5n * 7n + 5n * 200n)
  })
})
