import fc from 'fast-check'
import { upperBoundCost, type Price } from '@tollgate/pricing'
import { shortenPlan, type CallPlan } from './plan'

const PRICE: Price = { id: 'p', book: 'tariff', model: '*', provider: null, region: null, tier: null, tenantId: null, effectiveAtMs: 0, createdAtMs: 0, currency: 'USD', inputPico: 1n, outputPico: 1n, cachedInputPico: null, cacheWritePico: null, reasoningPico: null, perRequestPico: 0n, gpuSecondPico: null, isFree: false, source: '' }
const PROMPT = 200
const ATTEMPT_MS = 1_000

const pico = fc.bigInt({ min: 0n, max: 5_000n })
const price = fc.record({ inputPico: pico, outputPico: pico, reasoningPico: fc.option(pico), perRequestPico: pico, gpuSecondPico: fc.option(pico), isFree: fc.boolean() }).map((over): Price => ({ ...PRICE, ...over }))
const most = (prices: readonly Price[], tokens: number) => prices.reduce((high, one) => (upperBoundCost(PROMPT, tokens, one, ATTEMPT_MS) > high ? upperBoundCost(PROMPT, tokens, one, ATTEMPT_MS) : high), 0n)

function planOf(prices: readonly Price[], maxTokens: number, choices: number): CallPlan {
  return { kind: 'planned', model: {} as never, request: {} as never, targets: prices.map((one) => ({ candidate: {} as never, price: one, providerPrice: null })), choices, maxTokens, promptTokens: PROMPT, estimatePico: most(prices, maxTokens * choices), estimateTokens: PROMPT + maxTokens * choices, warnings: ['before'] }
}

describe('a shortened plan', () => {
  it('never costs more than is left, whoever serves it, and is the longest that does not', () => {
    fc.assert(
      fc.property(fc.array(price, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 4_000 }), fc.integer({ min: 1, max: 3 }), fc.bigInt({ min: -10n, max: 20_000_000n }), (prices, wanted, choices, leftPico) => {
        const shorter = shortenPlan(planOf(prices, wanted, choices), leftPico, 'rule', ATTEMPT_MS)
        const longest = [...Array(wanted + 1).keys()].findLast((tokens) => most(prices, tokens * choices) <= leftPico) ?? -1
        if (longest < 64) return expect(shorter).toBeNull()
        expect(shorter).toMatchObject({ maxTokens: longest, estimatePico: most(prices, longest * choices), estimateTokens: PROMPT + longest * choices, warnings: ['before', expect.stringContaining(`limited to ${longest} tokens`)] })
        return expect(shorter!.estimatePico <= leftPico).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
