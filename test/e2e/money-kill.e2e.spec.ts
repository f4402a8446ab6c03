import { Redis } from 'ioredis'
import { findRedisServer } from '../../libs/platform/embedded'
import { eventually, freePorts, startStack, type SeededTenant, type Stack } from '../support'
import { ageAbandonedClaims, AT_REST, restOf, sumsOf } from '../support/books'
import { Mortal } from '../support/mortal'
import { drive, mixedCalls, MODELS, type MixedCall, type Outcome } from '../support/traffic'
import { quietHosts, UpstreamTruth } from '../support/upstream-truth'
import { judge, printVerdict } from '../support/verdict'
import { moneyRedises } from './money-fixture'

/** Change it to draw other traffic; what the kills hit depends on the moment as well. */
const SEED = 41_121
const KILLS = 2
/** An answer of two and a half seconds: its gateway dies in the middle of it, after a checkpoint told of it. */
const LONG = 'sim-ok@words=250'
const models = [...MODELS, LONG]
const HOSTS = [
  { name: 'ollama-us', region: 'us-east', dialect: 'ollama' as const, models, defaults: { gap: 10 } },
  { name: 'openai-us', region: 'us-east', dialect: 'openai' as const, models, defaults: { gap: 10 } },
]
const LONG_CALLS: MixedCall[] = ['/chat' as const, '/v1/chat/completions' as const].flatMap((path) => [LONG, `openai:${LONG}`].map((model) => ({ path, model, words: 3, isStream: true, leavesAfter: null })))
const whenServer = findRedisServer() ? describe : describe.skip

whenServer('kill -9 of gateways and workers under load', () => {
  const truth = new UpstreamTruth()
  const server = moneyRedises().find(({ isOutbox }) => isOutbox)!
  let redis: Awaited<ReturnType<typeof server.start>>
  let stack: Stack
  let tenants: SeededTenant[]
  let gateways: Mortal[]
  let workers: Mortal[]
  let urls: string[]
  let outcomes: Outcome[]
  let restAfterMs: number

  beforeAll(async () => {
    redis = await server.start()
    stack = await startStack({ redisUrl: redis.url, hosts: HOSTS, gateways: 0, hasWorker: false })
    await stack.owner.query(`UPDATE host SET cost_per_hour_pico = 3600000000 * max_parallel::numeric`)
    tenants = await Promise.all([stack.addTenant({ tier: 'enterprise' }), stack.addTenant({ tier: 'enterprise', budgetPico: 10n ** 15n })])
    await startProcesses()
    outcomes = await trafficWithKills()
    await eventually(() => quietHosts(stack.sandbox))
    const endedAtMs = performance.now()
    await ageAbandonedClaims(redis.url)
    await eventually(async () => expect(await restOf(redis.url, stack.owner)).toEqual(AT_REST), { timeoutMs: 25_000 })
    restAfterMs = performance.now() - endedAtMs
    truth.read(stack.sandbox.hosts)
  }, 240_000)
  afterAll(async () => {
    await Promise.all([...gateways, ...workers].map((process) => process.stop()))
    await stack.stop()
    await redis.stop()
  }, 30_000)

  async function startProcesses(): Promise<void> {
    const { TOLLGATE_KEY_PEPPER, TOLLGATE_JWT_SECRET, TOLLGATE_SECRETS_KEY } = stack.config
    const env = {
      LOG_LEVEL: 'silent', HOST: '127.0.0.1', REDIS_URL: redis.url, TOLLGATE_KEY_PEPPER, TOLLGATE_JWT_SECRET, TOLLGATE_SECRETS_KEY, TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', PREFERRED_PROVIDER: 'ollama',
      OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_CHECKPOINT_MS: '100', TOLLGATE_LEASE_MS: '1500', TOLLGATE_TOTAL_TIMEOUT_MS: '4000', TOLLGATE_REDIS_TIMEOUT_MS: '5000',
    }
    const ports = await freePorts(2)
    urls = ports.map((port) => `http://127.0.0.1:${port}`)
    gateways = ports.map((port, index) => new Mortal(`gateway ${index}`, 'apps/gateway/src/main', { ...env, PORT: String(port), DATABASE_URL: stack.database.appUrl }))
    workers = [new Mortal('worker', 'apps/worker/src/main', { ...env, DATABASE_URL: stack.database.workerUrl })]
    await Promise.all([...gateways, ...workers].map((process) => process.start()))
  }

  /** Traffic goes on until every process to be killed was killed and is back; it goes where somebody listens. */
  async function trafficWithKills(): Promise<Outcome[]> {
    let isOver = false
    const urlOf = (index: number) => (gateways[index % 2]!.isAlive ? urls[index % 2]! : urls[(index + 1) % 2]!)
    const traffic = [drive(mixedCalls(SEED, 100_000), 24, urlOf, tenants, () => isOver)]
    for (let i = 0; i < KILLS; i++) {
      const [gateway, worker] = [gateways[i % 2]!, workers[0]!]
      // Half a second of load with everybody alive, then both die in the middle of it.
      const completed = () => stack.sandbox.hosts.reduce((sum, host) => sum + host.stats().completed, 0)
      const before = completed()
      await eventually(() => expect(completed()).toBeGreaterThan(before + 120), { timeoutMs: 20_000 })
      await eventually(async () => expect(await longCallsUnderWay()).toBe(0), { timeoutMs: 20_000 })
      traffic.push(drive(LONG_CALLS, LONG_CALLS.length, () => urls[i % 2]!, tenants))
      // Not all of them: a host that met three faults in a row takes none.
      await eventually(async () => expect(await longCallsUnderWay()).toBeGreaterThan(0))
      await Promise.all([gateway.die(), worker.die()])
      await Promise.all([gateway.start(), worker.start()])
    }
    isOver = true
    return (await Promise.all(traffic)).flat()
  }

  /** Long calls that a checkpoint says have cost something. */
  async function longCallsUnderWay(): Promise<number> {
    const reader = new Redis(redis.url)
    try {
      const drafts = await Promise.all((await reader.keys('*:rsv:*')).map((key) => reader.hmget(key, 'draft', 'prog')))
      return drafts.filter(([draft, progress]) => draft?.includes(LONG) && Number(progress) > 0).length
    } finally {
      reader.disconnect()
    }
  }

  it('completed calls are billed exactly what was counted upstream; those that died no more, and by no more than their shortfall less', async () => {
    const { verdict, examples } = await judge(outcomes, truth, stack.owner, tenants)
    printVerdict(`${KILLS} gateways and ${KILLS} workers killed`, SEED, verdict)
    expect(examples).toEqual([])
    expect(verdict).toMatchObject({ completed: verdict.equal, lost: 0, doubled: 0, over: 0, unrecorded: 0 })
    expect(verdict.completed).toBeGreaterThan(150)
    expect(verdict.mostShortfallTokens).toBeLessThanOrEqual(64 + 100)
  })

  it('some died with their gateway, and the sweep recorded them', async () => {
    const { rows } = await stack.owner.query(`SELECT count(*)::int AS count FROM usage WHERE status = 'swept'`)
    expect(rows[0].count).toBeGreaterThan(0)
  })

  it('their attempts are in the books at what they had cost by their last checkpoint', async () => {
    const { rows } = await stack.owner.query(
      `SELECT a.duration_ms, a.cost_pico::int AS cost, u.host = a.host AS "isServing" FROM usage u LEFT JOIN provider_cost a ON a.day = u.day AND a.rid = u.rid AND a.attempt = u.attempts WHERE u.status = 'swept' AND u.completion_tokens > 0`,
    )
    expect(rows.length).toBeGreaterThan(0)
    // A slot costs a nano-unit a millisecond.
    for (const row of rows) expect(row).toEqual({ duration_ms: expect.any(Number), cost: row.duration_ms * 1_000, isServing: true })
    const { rows: swept } = await stack.owner.query(`SELECT count(*)::int AS count FROM provider_cost WHERE outcome = 'swept' AND duration_ms > 0`)
    expect(swept[0].count).toBeGreaterThan(0)
  })

  it('reservations are freed and the lag is gone; books balance', async () => {
    process.stderr.write(`at rest ${Math.round(restAfterMs)} ms after the load\n`)
    expect(restAfterMs).toBeLessThan(20_000)
    for (const tenant of tenants) {
      const { usage, ledger, hourly, daily } = await sumsOf(stack.owner, tenant.id)
      expect([usage, hourly, daily]).toEqual([ledger, ledger, ledger])
    }
  })
})
