import { findRedisServer } from '../../libs/platform/embedded'
import { ChangeNotices, RedisClients } from '../../libs/platform/redis'
import { eventually, RedisCluster, startStack, type SeededTenant, type Stack } from '../support'
import { drive, randomOf, type MixedCall, type Outcome } from '../support/traffic'
import { quietHosts, UpstreamTruth } from '../support/upstream-truth'
import { judge, printVerdict } from '../support/verdict'
import { ledgerSum } from './evidence'

const whenServer = findRedisServer() ? describe : describe.skip
if (!findRedisServer()) process.stderr.write('No valkey-server or redis-server on PATH: the Redis Cluster is not tried.\n')
const SEED = 45_009
const LOAD_MS = 12_000

whenServer('money on a Redis Cluster of three masters with a replica each', () => {
  let cluster: RedisCluster
  let stack: Stack
  const truth = new UpstreamTruth()
  /** Of all specs of this file: the upstreams' logs are too. */
  const all: { readonly tenants: SeededTenant[]; readonly outcomes: Outcome[] } = { tenants: [], outcomes: [] }
  let speaker: RedisClients
  let listener: RedisClients
  const heard: string[] = []
  beforeAll(async () => {
    cluster = await RedisCluster.start({ hasReplicas: true })
    stack = await startStack({
      redisUrl: cluster.url,
      gateways: 2,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2'], defaults: { gap: 5 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['phi3', 'llama3.2'], defaults: { gap: 5 } },
      ],
      env: { TOLLGATE_REDIS_TIMEOUT_MS: '2000', TOLLGATE_LEASE_MS: '3000', OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    ;[speaker, listener] = [await RedisClients.connect(cluster.url, 2_000), await RedisClients.connect(cluster.url, 2_000)]
    ;(await ChangeNotices.start(listener)).listen(({ id }) => heard.push(id ?? ''))
  }, 120_000)
  afterAll(async () => {
    speaker?.close()
    listener?.close()
    await stack?.stop()
    await cluster?.stop()
  }, 60_000)

  /** Calls of every bucket there is, so of every node, as they are asked for. */
  function* callsOf(seed: number): Generator<MixedCall> {
    const random = randomOf(seed)
    for (;;) yield { path: random() < 0.5 ? '/chat' : '/v1/chat/completions', model: random() < 0.5 ? 'phi3' : 'openai:llama3.2', words: 1 + Math.floor(random() * 10), isStream: random() < 0.5, leavesAfter: random() < 0.05 ? 2 : null, maxTokens: 60 }
  }
  const load = async (seed: number, tenants: readonly SeededTenant[], isOver: () => boolean): Promise<Outcome[]> => {
    const calls = callsOf(seed)
    const outcomes = await drive({ at: () => calls.next().value as MixedCall }, 12, (index) => stack.urls[index % 2]!, tenants, isOver)
    all.outcomes.push(...outcomes)
    all.tenants.push(...tenants)
    return outcomes
  }
  const isHeard = () =>
    eventually(async () => {
      const id = `notice ${performance.now()}`
      await speaker.notices.publish('tollgate:changed', JSON.stringify({ topic: 'caller', id }))
      await eventually(() => expect(heard).toContain(id), { timeoutMs: 500 })
    }, { timeoutMs: 20_000 })
  const judged = async (name: string, seed: number) => {
    const { verdict, examples } = await judge(all.outcomes, truth, stack.owner, all.tenants)
    printVerdict(name, seed, verdict)
    expect({ lost: verdict.lost, doubled: verdict.doubled, over: verdict.over, unrecorded: verdict.unrecorded, examples }).toEqual({ lost: 0, doubled: 0, over: 0, unrecorded: 0, examples: [] })
    return verdict
  }
  const settled = async () => {
    await eventually(() => quietHosts(stack.sandbox), { timeoutMs: 20_000 })
    truth.read(stack.sandbox.hosts)
    await stack.settled()
  }

  it('no budget is passed by calls that race for it over two gateways, on every node', async () => {
    const tenants = await Promise.all(Array.from({ length: 6 }, () => stack.addTenant({ tier: 'enterprise', budgetPico: 2_000_000_000n })))
    const nodes = await stack.owner.query<{ bucket: number }>('SELECT bucket FROM tenant WHERE id = ANY ($1)', [tenants.map(({ id }) => id)])
    expect(new Set(nodes.rows.map(({ bucket }) => bucket)).size).toBeGreaterThan(1)
    let calls = 0
    const outcomes = await load(SEED, tenants, () => ++calls > 400)
    await settled()
    expect(outcomes.filter(({ isCompleted }) => isCompleted).length).toBeGreaterThan(50)
    expect(outcomes.filter(({ code }) => code === 'budget_exceeded').length).toBeGreaterThan(20)
    for (const { id } of tenants) expect(await ledgerSum(stack.owner, id)).toBeLessThanOrEqual(2_000_000_000n)
    await judged('a race on a Redis Cluster', SEED)
  }, 120_000)

  it('changes are heard by every process, and every master must answer for a gateway to be ready', async () => {
    await isHeard()
    expect(await Promise.all(stack.urls.map(async (url) => (await fetch(`${url}/readyz`)).status))).toEqual([200, 200])
  })

  it('a master is killed under load: its replica takes over, calls are served again, and the books are right', async () => {
    const tenants = await Promise.all(Array.from({ length: 6 }, (_, index) => stack.addTenant({ tier: 'enterprise', ...(index % 2 === 0 ? { budgetPico: 10n ** 12n } : {}) })))
    const { rows } = await stack.owner.query<{ bucket: number }>('SELECT bucket FROM tenant WHERE id = $1', [tenants[0]!.id])
    const startedAt = performance.now()
    let isServedAgain = false
    const running = load(SEED + 1, tenants, () => isServedAgain && performance.now() - startedAt > LOAD_MS)
    await eventually(() => expect(truth.requestIds.length).toBeGreaterThan(20), { timeoutMs: 20_000 })
    const revive = await cluster.killMasterOf(`{b${String(rows[0]!.bucket).padStart(2, '0')}}:out`)
    await eventually(async () => expect((await stack.post('/chat', tenants[0]!.key, { message: 'one', model: 'phi3' })).status).toBe(200), { timeoutMs: 40_000 })
    isServedAgain = true
    const outcomes = await running
    revive()
    await settled()
    await judged('failover of a master', SEED + 1)
    expect(outcomes.filter(({ isCompleted }) => isCompleted).length).toBeGreaterThan(50)
    await isHeard()
    for (const { status } of outcomes) expect([null, 200, 429, 502, 503]).toContain(status)
  }, 180_000)
})
