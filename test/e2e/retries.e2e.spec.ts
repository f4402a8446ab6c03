import type { SandboxHostOptions } from '../../apps/sandbox/src'
import { CatalogService } from '../../libs/catalog'
import { systemTimer } from '../../libs/platform/clock'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'

jest.setTimeout(60_000)

const { url: redisUrl } = redisTargets().at(-1)!
/** Nearest first, for a tenant at home in the first. */
const REGIONS = ['us-east', 'eu-west', 'asia-pacific']
const MOST_ATTEMPTS = 3
/** Of the hosts that came before the one that is tried. Nobody's circuit opens by it, and it asks for no wait. */
const BEFORE = 'rate;seconds=7'

interface Failing {
  readonly behaviour: string
  readonly class: string
  /** What follows where it is the first of its kind: another target, the same one after a wait, or the end. */
  readonly then: 'next' | 'again' | 'stop'
  readonly status: number
  readonly hasFirstByte?: boolean
  /** The operator lets what may have been done be done again. */
  readonly mayReplay?: boolean
}

/** The classes of routing.md, each by one or more ways to fail. */
const FAILING: Failing[] = [
  { behaviour: 'refuse', class: 'not_dispatched', then: 'next', status: 503 },
  { behaviour: 'busy', class: 'refused', then: 'next', status: 503 },
  { behaviour: 'rate;seconds=7', class: 'refused', then: 'next', status: 503 },
  { behaviour: 'rate-far', class: 'refused', then: 'next', status: 503 },
  { behaviour: 'rate;seconds=2', class: 'refused', then: 'again', status: 503 },
  { behaviour: 'rate-ms;ms=150', class: 'refused', then: 'again', status: 503 },
  { behaviour: 'no-model', class: 'refused', then: 'next', status: 503 },
  { behaviour: 'load-fail', class: 'refused', then: 'next', status: 503 },
  { behaviour: 'no-key', class: 'misconfigured', then: 'next', status: 502 },
  { behaviour: 'not-found-text', class: 'misconfigured', then: 'next', status: 502 },
  { behaviour: 'http500', class: 'ambiguous', then: 'next', status: 502, mayReplay: true },
  { behaviour: 'reset-first', class: 'ambiguous', then: 'next', status: 502, mayReplay: true },
  { behaviour: 'http500', class: 'ambiguous', then: 'stop', status: 502 },
  { behaviour: 'reset-first', class: 'ambiguous', then: 'stop', status: 502 },
  { behaviour: 'bad-json', class: 'caller', then: 'stop', status: 400 },
  { behaviour: 'too-long', class: 'caller', then: 'stop', status: 400 },
  { behaviour: 'err-line', class: 'cut', then: 'stop', status: 200, hasFirstByte: true, mayReplay: true },
  { behaviour: 'reset-mid', class: 'cut', then: 'stop', status: 200, hasFirstByte: true, mayReplay: true },
  { behaviour: 'eof-mid', class: 'cut', then: 'stop', status: 200, hasFirstByte: true, mayReplay: true },
]

interface Case {
  readonly name: string
  /** What each of the three hosts does, nearest first. */
  readonly hosts: readonly string[]
  /** Each attempt that must be made, in order: at which host, and how it ends. */
  readonly attempts: readonly (readonly [place: number, outcome: string])[]
  readonly status: number
  readonly mayReplay?: boolean
  readonly isBroken?: boolean
  /** The first host answers well after the wait. */
  readonly isFreeAgain?: boolean
}

const CASES: Case[] = [
  ...FAILING.flatMap(({ then, mayReplay = false, hasFirstByte = false, ...failing }) =>
    [0, 1, 2].map((place): Case => {
      const before = [0, 1].slice(0, place)
      const again = then === 'again' ? [[place, failing.class] as const] : []
      const attempts = [...before.map((at) => [at, 'refused'] as const), [place, failing.class] as const, ...again, ...(then === 'stop' ? [] : [[place + 1, 'completed'] as const])]
        .filter(([at]) => at < REGIONS.length)
        .slice(0, MOST_ATTEMPTS)
      const isServed = attempts.at(-1)![1] === 'completed'
      return {
        name: `${failing.class} (${failing.behaviour}${mayReplay ? ', may be replayed' : ''}) at attempt ${place + 1}`,
        hosts: [...before.map(() => BEFORE), failing.behaviour, 'ok', 'ok'].slice(0, REGIONS.length),
        attempts,
        status: isServed ? 200 : failing.status,
        mayReplay,
        isBroken: hasFirstByte,
      }
    }),
  ),
  { name: 'ambiguous twice', hosts: ['http500', 'reset-first', 'ok'], attempts: [[0, 'ambiguous'], [1, 'ambiguous']], status: 502, mayReplay: true },
  { name: 'ambiguous, refused, then well', hosts: ['http500', 'busy', 'ok'], attempts: [[0, 'ambiguous'], [1, 'refused'], [2, 'completed']], status: 200, mayReplay: true },
  { name: 'refused by all', hosts: ['busy', 'rate;seconds=7', 'no-model'], attempts: [[0, 'refused'], [1, 'refused'], [2, 'refused']], status: 503 },
  { name: 'waited for, and then free', hosts: ['rate-ms;ms=150', 'ok', 'ok'], attempts: [[0, 'refused'], [0, 'completed']], status: 200, isFreeAgain: true },
  { name: 'nobody there', hosts: ['refuse', 'refuse', 'refuse'], attempts: [[0, 'not_dispatched'], [1, 'not_dispatched'], [2, 'not_dispatched']], status: 503 },
]

const STORMS = ['rate;seconds=7', 'busy', 'refuse', 'http500'] as const
const STORM_CALLS = 200

describe('retries', () => {
  let stack: Stack
  let tenant: SeededTenant
  const waitsMs: number[] = []
  let duringWait: () => Promise<void> | void = () => undefined
  // Hosts of its own for every case: what one case did to their health is nothing to the next.
  const hostOf = (model: string, place: number) => `${model}-${place}`
  beforeAll(async () => {
    jest.spyOn(systemTimer, 'wait').mockImplementation(async (ms) => {
      waitsMs.push(ms)
      await duringWait()
    })
    const models = [...CASES.keys()].map((index) => `m${index}`).concat(STORMS.map((_, index) => `storm${index}`))
    const hosts = models.flatMap((model) => REGIONS.map((region, place): SandboxHostOptions => ({ name: hostOf(model, place), region, dialect: 'ollama', models: [model], defaults: { gap: 0 } })))
    stack = await startStack({ redisUrl, hosts, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', OLLAMA_MAX_RETRIES: String(MOST_ATTEMPTS - 1) } })
    const replayed = [...CASES.entries()].filter(([, { mayReplay }]) => mayReplay).map(([index]) => `m${index}`)
    await stack.owner.query('UPDATE model SET retry_ambiguous = true WHERE name = ANY ($1)', [[...replayed, 'storm3']])
    await stack.gateways[0]!.get(CatalogService, { strict: false }).refresh()
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterAll(async () => {
    jest.restoreAllMocks()
    await stack.stop()
  })
  beforeEach(() => void waitsMs.splice(0))

  it.each(CASES.map((one, index) => [one.name, one, `m${index}`] as const))('%s: exact attempts at exact targets, one cost row each', async (_name, { hosts, attempts, status, isBroken, isFreeAgain }, model) => {
    duringWait = () => (isFreeAgain ? stack.sandbox.host(hostOf(model, 0)).set('ok') : undefined)
    for (const [place, behaviour] of hosts.entries()) await stack.sandbox.host(hostOf(model, place)).set(behaviour)
    const response = await stack.post('/chat', tenant.key, { model, message: 'one two', stream: true, max_tokens: 40 })
    const text = await response.text()
    expect({ status: response.status, text }).toEqual({ status, text: expect.any(String) })
    const isCompleted = attempts.at(-1)![1] === 'completed'
    expect(text.includes('[DONE]')).toBe(isCompleted)
    const row = await usageRow(stack.owner, response.headers.get('x-request-id')!)
    const { rows } = await stack.owner.query('SELECT attempt, host, split_part(outcome, $2, 1) AS class FROM provider_cost WHERE rid = $1 ORDER BY attempt', [row.rid, ':'])
    expect(rows).toEqual(attempts.map(([place, outcome], index) => ({ attempt: index + 1, host: hostOf(model, place), class: outcome })))
    // A host that resets or is not there may have been dialled twice by the transport; nobody else was asked.
    for (const [place, behaviour] of hosts.entries()) {
      const asked = stack.sandbox.host(hostOf(model, place)).stats().requests
      expect({ place, asked }).toEqual({ place, asked: behaviour === 'refuse' ? 0 : attempts.filter(([at]) => at === place).length })
    }
    expect(row).toMatchObject({ status: isCompleted ? 'completed' : 'failed', attempts: attempts.length, host: hostOf(model, attempts.at(-1)![0]) })
    if (isBroken) expect(text).toContain('"error"')
    expect(row.amount_pico > 0n).toBe(isCompleted)
    expectWaits(attempts, hosts)
  })

  /** One wait before each attempt but the first: 50 to 500 ms at random, after what a host asked for. */
  function expectWaits(attempts: Case['attempts'], hosts: readonly string[]): void {
    expect(waitsMs).toHaveLength(attempts.length - 1)
    for (const [index, ms] of waitsMs.entries()) {
      const [place] = attempts[index]!
      const isAgain = attempts[index + 1]![0] === place
      const askedMs = isAgain ? ({ 'rate;seconds=2': 2_000, 'rate-ms;ms=150': 150 })[hosts[place]!]! : 0
      expect(ms).toBeGreaterThanOrEqual(askedMs + 50)
      expect(ms).toBeLessThanOrEqual(askedMs + 500)
    }
  }

  it.each(STORMS.map((behaviour, index) => [behaviour, `storm${index}`]))('when every host fails (%s), one request in ten is tried again', async (behaviour, model) => {
    for (const place of REGIONS.keys()) await stack.sandbox.host(hostOf(model, place)).set(behaviour)
    const rids: string[] = []
    for (let round = 0; round < STORM_CALLS / 20; round++) {
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const response = await stack.post('/chat', tenant.key, { model, message: 'one two', max_tokens: 40 })
          expect(response.status).toBeGreaterThanOrEqual(502)
          await response.text()
          rids.push(response.headers.get('x-request-id')!)
        }),
      )
    }
    await stack.settled()
    const { rows } = await stack.owner.query('SELECT count(*)::int AS attempts, count(DISTINCT rid)::int AS calls, count(*) FILTER (WHERE attempt > 1)::int AS retries FROM provider_cost WHERE rid = ANY ($1)', [rids])
    expect(rows[0]).toMatchObject({ calls: STORM_CALLS })
    expect(rows[0].retries).toBeLessThanOrEqual(STORM_CALLS / 10)
    expect(rows[0].retries).toBeGreaterThanOrEqual(MOST_ATTEMPTS)
    expect(waitsMs).toHaveLength(rows[0].retries)
  })

  it('leave nothing reserved', () => atRest(redisUrl))
})
