import { Redis } from 'ioredis'
import { findRedisServer } from '../../libs/platform/embedded'
import { eventually, freePort, spawnApp, startStack, type SeededTenant, type SpawnedApp, type Stack } from '../support'
import { AT_REST, moneyRedises, quietHosts, restOf, sumsOf, UpstreamTruth } from './money-fixture'
import { drive, mixedCalls, MODELS, type Outcome } from './money-traffic'
import { judge, printVerdict } from './money-verdict'

/** Change it to draw other traffic; what the kills hit depends on the moment as well. */
const SEED = 41_121
const KILLS = 2
const HOSTS = [
  { name: 'ollama-us', region: 'us-east', dialect: 'ollama' as const, models: MODELS, defaults: { gap: 10 } },
  { name: 'openai-us', region: 'us-east', dialect: 'openai' as const, models: MODELS, defaults: { gap: 10 } },
]
const whenServer = findRedisServer() ? describe : describe.skip

/** A process that is killed and started again as it was. */
class Mortal {
  private app!: SpawnedApp
  isAlive = false

  constructor(
    private readonly entry: string,
    private readonly env: Record<string, string>,
  ) {}

  async start(): Promise<void> {
    this.app = await spawnApp(this.entry, this.env, { line: /listens on|worker runs/ })
    this.isAlive = true
  }

  async die(): Promise<void> {
    this.isAlive = false
    await this.app.stop('SIGKILL')
  }

  async stop(): Promise<void> {
    if (this.isAlive) await this.app.stop('SIGKILL')
  }
}

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
    tenants = await Promise.all([stack.addTenant({ tier: 'enterprise' }), stack.addTenant({ tier: 'enterprise', budgetPico: 10n ** 15n })])
    await startProcesses()
    outcomes = await trafficWithKills()
    await eventually(() => quietHosts(stack.sandbox))
    const endedAtMs = performance.now()
    await passHalfAMinute(redis.url)
    await eventually(async () => expect(await restOf(redis.url, stack.owner)).toEqual(AT_REST), { timeoutMs: 25_000 })
    restAfterMs = performance.now() - endedAtMs
    truth.read(stack.sandbox.hosts)
  }, 120_000)
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
    const ports = [await freePort(), await freePort()]
    urls = ports.map((port) => `http://127.0.0.1:${port}`)
    gateways = ports.map((port) => new Mortal('apps/gateway/src/main', { ...env, PORT: String(port), DATABASE_URL: stack.database.appUrl }))
    workers = [new Mortal('apps/worker/src/main', { ...env, DATABASE_URL: stack.database.workerUrl })]
    await Promise.all([...gateways, ...workers].map((process) => process.start()))
  }

  /** Traffic goes on until every process to be killed was killed and is back; it goes where somebody listens. */
  async function trafficWithKills(): Promise<Outcome[]> {
    let isOver = false
    const urlOf = (index: number) => (gateways[index % 2]!.isAlive ? urls[index % 2]! : urls[(index + 1) % 2]!)
    const traffic = drive(mixedCalls(SEED, 100_000), 24, urlOf, tenants, () => isOver)
    for (let i = 0; i < KILLS; i++) {
      const [gateway, worker] = [gateways[i % 2]!, workers[0]!]
      // Half a second of load with everybody alive, then both die in the middle of it.
      const before = stack.sandbox.hosts.reduce((sum, host) => sum + host.stats().requests, 0)
      await eventually(() => expect(stack.sandbox.hosts.reduce((sum, host) => sum + host.stats().requests, 0)).toBeGreaterThan(before + 60), { timeoutMs: 20_000 })
      await Promise.all([gateway.die(), worker.die()])
      await Promise.all([gateway.start(), worker.start()])
    }
    isOver = true
    return traffic
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

  it('reservations are freed and the lag is gone; books balance', async () => {
    process.stderr.write(`at rest ${Math.round(restAfterMs)} ms after the load\n`)
    expect(restAfterMs).toBeLessThan(20_000)
    for (const tenant of tenants) {
      const { usage, ledger, hourly, daily } = await sumsOf(stack.owner, tenant.id)
      expect([usage, hourly, daily]).toEqual([ledger, ledger, ledger])
    }
  })
})

/** As if half a minute had gone by since a dead worker read its last claims: another one takes them over then. */
async function passHalfAMinute(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl)
  for (const stream of await redis.keys('*:out')) {
    const pending = (await redis.xpending(stream, 'settle', '-', '+', 1_000)) as [id: string, consumer: string, idleMs: number, deliveries: number][]
    for (const [id, consumer] of pending) await redis.xclaim(stream, 'settle', consumer, 0, id, 'IDLE', 60_000, 'JUSTID')
  }
  redis.disconnect()
}
