import fc from 'fast-check'
import { orderAttempts, type Candidate, type RouteWish } from './attempts'

const REGIONS = ['us-east', 'eu-west', 'asia-pacific']
const candidate: fc.Arbitrary<Candidate> = fc.record({
  hostId: fc.uuid(), hostName: fc.stringMatching(/^[a-z]{1,3}$/), region: fc.constantFrom(...REGIONS), provider: fc.constantFrom('ollama', 'openai', 'openrouter'),
  model: fc.constant('m'), upstreamModel: fc.constant('m'), baseUrl: fc.constant('http://x'), weight: fc.integer({ min: 1, max: 5 }), isSandbox: fc.boolean(), isHealthy: fc.boolean(), inFlight: fc.nat(10),
})
const candidates = fc.array(candidate, { maxLength: 10 })
const DISTANCES: Record<string, number> = { 'us-east eu-west': 80, 'us-east asia-pacific': 200 }
const WISH: RouteWish = { homeRegion: 'us-east', allowedRegions: REGIONS, provider: null, preferredProvider: 'ollama', distanceMs: (from, to) => DISTANCES[`${from} ${to}`] ?? Infinity, maxAttempts: 99, isFallbackEnabled: true }
const wish: fc.Arbitrary<RouteWish> = fc
  .record({ allowedRegions: fc.subarray(REGIONS), provider: fc.constantFrom(null, 'ollama', 'openai'), preferredProvider: fc.constantFrom('ollama', 'openai', 'auto'), maxAttempts: fc.integer({ min: 1, max: 12 }), isFallbackEnabled: fc.boolean() })
  .map((over) => ({ ...WISH, ...over }))

describe('attempts', () => {
  it('never leave the allowed regions, whatever is healthy elsewhere', () => {
    fc.assert(fc.property(candidates, wish, (all, w) => expect(orderAttempts(all, w).every((one) => w.allowedRegions.includes(one.region))).toBe(true)))
  })

  it('are a permutation of every permitted candidate when nothing limits them', () => {
    fc.assert(
      fc.property(candidates, wish, (all, w) => {
        const ordered = orderAttempts(all, { ...w, maxAttempts: 99, isFallbackEnabled: true })
        const permitted = all.filter((one) => w.allowedRegions.includes(one.region) && (w.provider === null || one.provider === w.provider))
        expect(ordered).toHaveLength(permitted.length)
        expect(new Set(ordered)).toEqual(new Set(permitted))
      }),
    )
  })

  it('are at most as many as allowed, and a prefix of the full order', () => {
    fc.assert(fc.property(candidates, wish, (all, w) => expect(orderAttempts(all, w)).toEqual(orderAttempts(all, { ...w, maxAttempts: 99 }).slice(0, w.maxAttempts))))
  })

  it('stay with one provider when fallback is off', () => {
    fc.assert(fc.property(candidates, wish, (all, w) => expect(new Set(orderAttempts(all, { ...w, isFallbackEnabled: false }).map((one) => one.provider)).size).toBeLessThanOrEqual(1)))
  })

  it('put real hosts first, then healthy ones, then the preferred provider, then the nearest, then the least loaded', () => {
    fc.assert(
      fc.property(candidates, wish, (all, w) => {
        const key = (one: Candidate) => [one.isSandbox ? 1 : 0, one.isHealthy ? 0 : 1, one.provider === w.preferredProvider ? 0 : 1, one.region === w.homeRegion ? 0 : w.distanceMs(w.homeRegion, one.region), one.inFlight / one.weight]
        const ordered = orderAttempts(all, { ...w, maxAttempts: 99, isFallbackEnabled: true }).map(key)
        for (let i = 1; i < ordered.length; i++) {
          const at = ordered[i]!.findIndex((value, k) => value !== ordered[i - 1]![k])
          if (at >= 0) expect(ordered[i]![at]!).toBeGreaterThan(ordered[i - 1]![at]!)
        }
      }),
    )
  })

  it('do not depend on the order of candidates with names of their own', () => {
    fc.assert(
      fc.property(fc.uniqueArray(candidate, { selector: (one) => one.hostName, maxLength: 8 }), (all) => {
        expect(orderAttempts(all.toReversed(), WISH)).toEqual(orderAttempts(all, WISH))
      }),
    )
  })

  it('do not change their input', () => {
    fc.assert(fc.property(candidates, wish, (all, w) => {
      const before = [...all]
      orderAttempts(all, w)
      expect(all).toEqual(before)
    }))
  })
})
