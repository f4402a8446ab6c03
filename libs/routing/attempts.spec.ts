import fc from 'fast-check'
import { orderAttempts, takeNow, type Candidate, type RouteWish } from './attempts'

const REGIONS = ['us-east', 'eu-west', 'asia-pacific']
const candidate: fc.Arbitrary<Candidate> = fc.record({
  hostId: fc.uuid(), hostName: fc.stringMatching(/^[a-z]{1,3}$/), region: fc.constantFrom(...REGIONS), provider: fc.constantFrom('ollama', 'openai', 'openrouter'),
  model: fc.constant('m'), upstreamModel: fc.constant('m'), digest: fc.constant(null), baseUrl: fc.constant('http://x'), weight: fc.integer({ min: 1, max: 5 }), isSandbox: fc.boolean(), isHealthy: fc.boolean(), isOpen: fc.constant(false), isLetIn: fc.constant(false), inFlight: fc.nat(10),
  waitMs: fc.constantFrom(0, 0, 100, 5_000), loadMs: fc.constantFrom(0, 2_000, 8_000), displaces: fc.boolean(), loadedModels: fc.nat(3),
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

  it('do not move to another provider for its health when fallback is off, and keep to the preferred one', () => {
    fc.assert(
      fc.property(fc.uniqueArray(candidate, { selector: (one) => one.hostName, maxLength: 8 }), wish, fc.infiniteStream(fc.tuple(fc.boolean(), fc.boolean())), (all, w, health) => {
        const alone = { ...w, isFallbackEnabled: false, maxAttempts: 99 }
        const chosen = orderAttempts(all, alone)[0]?.provider
        const changed = all.map((one) => {
          const [isHealthy, isOpen] = health.next().value!
          return { ...one, isHealthy, isOpen }
        })
        expect(orderAttempts(changed, alone)[0]?.provider).toBe(chosen)
        const real = all.filter((one) => w.allowedRegions.includes(one.region) && (w.provider === null || one.provider === w.provider))
        const kind = real.some((one) => !one.isSandbox) ? real.filter((one) => !one.isSandbox) : real
        if (kind.some((one) => one.provider === w.preferredProvider)) expect(chosen).toBe(w.preferredProvider)
      }),
    )
  })

  it('put real hosts first, then healthy ones, the preferred provider, those that push nothing out, the nearest, own hosts, the soonest to begin, the emptiest, the least loaded', () => {
    fc.assert(
      fc.property(candidates, wish, (all, w) => {
        const key = (one: Candidate) => [one.isSandbox ? 1 : 0, one.isHealthy ? 0 : 1, one.provider === w.preferredProvider ? 0 : 1, one.displaces ? 1 : 0, one.region === w.homeRegion ? 0 : w.distanceMs(w.homeRegion, one.region), one.provider === 'ollama' ? 0 : 1, one.waitMs + one.loadMs * (one.displaces ? 2 : 1), one.loadMs === 0 ? 0 : one.loadedModels, one.inFlight / one.weight]
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

  it('leave out open circuits: a third of the pool at most, never the last, and none when most of it is open', () => {
    const pool = (all: number, open: number) => Array.from({ length: all }, (_, i): Candidate => ({ hostId: String(i), hostName: `h${i}`, region: 'us-east', provider: 'ollama', model: 'm', upstreamModel: 'm', digest: null, baseUrl: 'http://x', weight: 1, isSandbox: false, isHealthy: i >= open, isOpen: i < open, isLetIn: false, inFlight: 0, waitMs: 0, loadMs: 0, displaces: false, loadedModels: 0 }))
    const left = (all: number, open: number) => orderAttempts(pool(all, open), WISH).length
    expect([left(1, 1), left(2, 1), left(2, 2), left(3, 1), left(3, 2), left(3, 3), left(5, 1), left(5, 2), left(6, 2), left(6, 3)]).toEqual([1, 1, 2, 2, 3, 3, 4, 5, 4, 6])
    expect(orderAttempts(pool(3, 2), WISH)[0]!.hostName).toBe('h2')
    const letIn = pool(3, 1).map((one) => ({ ...one, isLetIn: one.isOpen }))
    expect(orderAttempts(letIn, WISH).map(({ hostName }) => hostName)).toEqual(['h1', 'h2', 'h0'])
  })
})

describe('warm and free first', () => {
  const target = (hostName: string, over: Partial<Candidate> = {}): Candidate => ({ hostId: hostName, hostName, region: 'us-east', provider: 'ollama', model: 'm', upstreamModel: 'm', digest: null, baseUrl: 'http://x', weight: 1, isSandbox: false, isHealthy: true, isOpen: false, isLetIn: false, inFlight: 0, waitMs: 0, loadMs: 0, displaces: false, loadedModels: 0, ...over })
  const order = (...all: Candidate[]) => orderAttempts(all, WISH).map((one) => one.hostName)
  const taken = (free: readonly string[], ...all: Candidate[]) => takeNow(orderAttempts(all, WISH), ({ hostName }) => free.includes(hostName), 2_000)?.hostName ?? null

  it('the model in memory and a slot free; then the soonest by wait and learned load; then the emptiest host', () => {
    expect(order(target('a', { loadMs: 8_000, loadedModels: 1 }), target('b', { loadMs: 8_000 }), target('c', { waitMs: 300 }), target('d', { inFlight: 9 }))).toEqual(['d', 'c', 'b', 'a'])
  })

  it('a near host that only has to load goes before a far one that is warm; one that would push a model in use out does not', () => {
    const far = target('far', { region: 'eu-west' })
    expect(order(far, target('near', { loadMs: 8_000 }))).toEqual(['near', 'far'])
    expect(order(far, target('near', { loadMs: 8_000, displaces: true }))).toEqual(['far', 'near'])
    expect(order(target('far', { region: 'eu-west', loadMs: 8_000, displaces: true }), target('near', { loadMs: 8_000, displaces: true }))).toEqual(['near', 'far'])
  })

  it('a call stands in line for a warm host rather than have another load the model, unless the line is the longer wait or too long', () => {
    const cold = target('cold', { loadMs: 8_000 })
    expect(taken(['cold'], target('warm', { waitMs: 300 }), cold)).toBeNull()
    expect(taken(['warm', 'cold'], target('warm'), cold)).toBe('warm')
    expect(taken(['cold'], target('warm', { waitMs: 300 }), target('cold', { loadMs: 200 }))).toBe('cold')
    expect(taken(['cold'], target('warm', { waitMs: 2_001 }), cold)).toBe('cold')
    expect(taken(['other'], target('warm', { waitMs: 300 }), target('other', { region: 'eu-west' }))).toBe('other')
    expect(taken([], target('warm'))).toBeNull()
  })

  it('what is taken has room, and is never begun later than a free one that is warm in the same place', () => {
    fc.assert(
      fc.property(candidates, fc.infiniteStream(fc.boolean()), (all, rooms) => {
        const ordered = orderAttempts(all, WISH)
        const free = new Set(ordered.filter(() => rooms.next().value))
        const one = takeNow(ordered, (candidate) => free.has(candidate), 2_000)
        if (one) expect(free.has(one)).toBe(true)
        if ([...free].some(({ loadMs }) => loadMs === 0)) expect(one).not.toBeNull()
      }),
    )
  })
})
