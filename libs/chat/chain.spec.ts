import fc from 'fast-check'
import type { CatalogModel } from '@tollgate/catalog'
import type { Caller, ChatRequest } from '@tollgate/kernel'
import { upperBoundCost, type Price } from '@tollgate/pricing'
import { MOST_ATTEMPTS, nextStep, orderAttempts, type Candidate, type FailureSign } from '@tollgate/routing'
import { permits, type Tier } from '@tollgate/tiers'
import { chainPlans, leftAfter, withinPrice, withoutStandIns } from './chain'
import { standIns } from './narrowing'
import { planCall } from './plan'

const MODELS = ['primary', 'second', 'third', 'fourth']
const REGIONS = ['us-east', 'eu-west', 'asia-pacific']
const MOST_MS = 1_000
const REQUEST: ChatRequest = { model: 'primary', messages: [{ role: 'user', content: 'hi' }], stream: false, maxTokens: 100, project: null, parameters: {}, bodyBytes: 50 }
const PRICE: Price = { id: 'p', book: 'tariff', model: '*', provider: null, region: null, tier: null, tenantId: null, effectiveAtMs: 0, createdAtMs: 0, currency: 'USD', inputPico: 1n, outputPico: 1n, cachedInputPico: null, cacheWritePico: null, reasoningPico: null, perRequestPico: 0n, gpuSecondPico: null, isFree: false, source: '' }

/** A small world: who may have which models, where they are, what they cost, and what is left of a budget. */
const world = fc.record({
  permitted: fc.subarray(MODELS), keyModels: fc.option(fc.subarray(MODELS)), projectModels: fc.option(fc.subarray(MODELS)), regions: fc.subarray(REGIONS),
  fallbacks: fc.shuffledSubarray(MODELS.slice(1)), longest: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 4, maxLength: 4 }), outputPico: fc.array(fc.bigInt({ min: 0n, max: 1_000n }), { minLength: 4, maxLength: 4 }),
  hosts: fc.array(fc.record({ model: fc.constantFrom(...MODELS), region: fc.constantFrom(...REGIONS), isHealthy: fc.boolean(), isOpen: fc.boolean() }), { maxLength: 12 }), leftPico: fc.bigInt({ min: 0n, max: 200_000n }),
})
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

function chainOf(w: World) {
  const model = (name: string) => ({ name, isFree: false, maxOutputTokens: w.longest[MODELS.indexOf(name)]!, fallbacks: name === 'primary' ? w.fallbacks : [] }) as unknown as CatalogModel
  const caller = { key: { allowedModels: w.keyModels }, tenant: { id: 't' } } as unknown as Caller
  const project = w.projectModels && ({ allowedModels: w.projectModels } as never)
  const tier = { slug: 't', models: w.permitted, deniedModels: [], maxOutputTokens: 150 } as unknown as Tier
  const planFor = (name: string) => {
    const candidates = orderAttempts(
      w.hosts.flatMap((host, i): Candidate[] => (host.model === name ? [{ hostId: `${i}`, hostName: `h${i}`, provider: 'ollama', upstreamModel: name, digest: null, baseUrl: '', weight: 1, isSandbox: false, isLetIn: false, inFlight: 0, waitMs: 0, loadMs: 0, displaces: false, loadedModels: 0, ...host }] : [])),
      { homeRegion: 'us-east', allowedRegions: w.regions, provider: null, preferredProvider: 'auto', distanceMs: () => 50, maxAttempts: 3, isFallbackEnabled: true },
    )
    if (candidates.length === 0) return { kind: 'refused' as const, refusal: { code: 'model_not_available' } as never }
    const prices = [{ ...PRICE, outputPico: w.outputPico[MODELS.indexOf(name)]! }]
    return planCall(REQUEST, { model: model(name), tier } as never, candidates, { tenantId: 't', currency: 'USD', nowMs: 1, mostAttemptMs: MOST_MS, prices, defaultMaxTokens: null, answersSeveral: () => true })
  }
  const models = standIns(model('primary'), (name) => model(name), caller, tier, project)
  return { tier, models, first: planFor('primary'), plan: chainPlans(planFor('primary'), models.map(({ name }) => planFor(name)), MOST_MS) }
}

describe('a chain of models', () => {
  it('never leaves tier, key, project and regions, and never costs more than is reserved or left', () => {
    fc.assert(
      fc.property(world, (w) => {
        const { tier, plan } = chainOf(w)
        if (plan.kind === 'refused') return
        for (const one of [plan, withinPrice(plan, w.leftPico, MOST_MS)]) {
          if (!one) continue
          for (const { candidate, price, standIn } of one.targets) {
            expect(w.regions).toContain(candidate.region)
            expect(upperBoundCost(one.promptTokens, Math.min(one.maxTokens, standIn?.maxTokens ?? Infinity), price, MOST_MS) <= one.estimatePico).toBe(true)
            if (!standIn) continue
            expect(permits(tier, candidate.model) && (w.keyModels ?? MODELS).includes(candidate.model) && (w.projectModels ?? MODELS).includes(candidate.model)).toBe(true)
            expect(w.fallbacks).toContain(candidate.model)
          }
          if (one !== plan) expect(one.estimatePico <= w.leftPico).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('tries the models in their order, each only after all targets of the one before, and never one twice', () => {
    fc.assert(
      fc.property(world, (w) => {
        const { first, models, plan } = chainOf(w)
        if (plan.kind === 'refused') return expect(first.kind).toBe('refused')
        const order = ['primary', ...models.map(({ name }) => name)]
        const tried = plan.targets.map(({ candidate }) => order.indexOf(candidate.model))
        expect(tried).toEqual(tried.toSorted((a, b) => a - b))
        expect(new Set(plan.targets.map(({ candidate }) => candidate.hostId)).size).toBe(tried.length)
        const isLive = first.kind === 'planned' && (first.targets.some(({ candidate }) => !candidate.isOpen) || plan.targets.every(({ candidate }) => candidate.isOpen))
        expect(plan.model.name === 'primary').toBe(isLive)
        if (isLive) expect(withoutStandIns(plan).targets).toEqual(first.targets)
        return expect(plan.targets[0]!.standIn).toBeUndefined()
      }),
    )
  })

  it('is tried three times in all, and where a stand-in is left the last time is one of them', () => {
    const failure: fc.Arbitrary<FailureSign> = fc.record({ class: fc.constantFrom('not_dispatched', 'refused', 'refused', 'misconfigured', 'ambiguous', 'caller'), retryAfterMs: fc.constantFrom(null, 100, 60_000) })
    fc.assert(
      fc.property(world, fc.array(failure, { minLength: 20, maxLength: 20 }), fc.integer({ min: 1, max: 5 }), fc.boolean(), (w, failures, mostAttempts, mayReplay) => {
        const { plan } = chainOf(w)
        if (plan.kind === 'refused') return
        const most = Math.min(MOST_ATTEMPTS, mostAttempts)
        const tried: string[] = []
        let left = plan.targets
        let goesOn = true
        while (left.length > 0) {
          const [target, ...others] = left as [(typeof left)[number], ...typeof left]
          tried.push(target.candidate.model)
          const sign = failures[tried.length]!
          const hasStandIn = others.some(({ candidate }) => candidate.model !== target.candidate.model)
          const step = nextStep(sign, { attempts: tried.length, mostAttempts, hasStandIn, hasReplayed: false, mayReplay, hasWaited: false, elapsedMs: 0, totalMs: 60_000, chance: 0 })
          goesOn &&= step.kind !== 'stop' || tried.length === most
          left = leftAfter(step, target, others)
        }
        expect(tried.length).toBeLessThanOrEqual(most)
        if (goesOn && most > 1 && plan.targets.some(({ standIn }) => standIn)) expect(tried.at(-1)).not.toBe(plan.model.name)
      }),
      { numRuns: 2_000 },
    )
  })

  it('near the end of the money a dearer host of the same model is no fallback, and a cheaper one is', () => {
    const target = (hostId: string, outputPico: bigint) => ({ candidate: { hostId } as Candidate, price: { ...PRICE, outputPico }, providerPrice: null })
    const plan = { kind: 'planned', model: { name: 'primary' }, request: REQUEST, targets: [target('dear', 9n), target('cheap', 1n), target('dearest', 99n)], choices: 1, maxTokens: 100, promptTokens: 0, estimatePico: 9_900n, estimateTokens: 100, warnings: [] } as unknown as Parameters<typeof withinPrice>[0]
    const left = (pico: bigint) => withinPrice(plan, pico, MOST_MS)
    expect(left(9_900n)).toEqual(plan)
    expect([left(900n), left(899n)].map((one) => [one!.targets.map(({ candidate }) => candidate.hostId), one!.estimatePico])).toEqual([[['dear', 'cheap'], 900n], [['cheap'], 100n]])
    expect(left(99n)).toBeNull()
  })
})
