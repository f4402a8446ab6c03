import { CatalogService } from '@tollgate/catalog'
import { HostsService } from '@tollgate/hosts'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const MODELS = ['mistral:7b', 'llama3.2']
const CALLS = 200
const REGIONS = ['us-east', 'eu-west', 'asia-pacific']

// Loads of eight seconds are reported, not waited for: the figure counts them.
const host = (name: string, region: string) => ({ name, region, dialect: 'ollama' as const, models: MODELS, defaults: { gap: 0, words: 2 }, memory: { models: 1, loadMs: 8_000, isInstant: true } })

describe.each([
  ['one region', () => 'us-east', 1],
  ['three regions', (i: number) => REGIONS[i]!, 1],
  ['one region, two gateways', () => 'us-east', 2],
  ['three regions, two gateways', (i: number) => REGIONS[i]!, 2],
])('three hosts with room for one model each in %s, and two models in turn', (_, regionOf, gateways) => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, gateways, hosts: [0, 1, 2].map((i) => host(`h${i}`, regionOf(i))), env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  }, 60_000)
  afterAll(() => stack.stop())

  it('swap models at most twice in two hundred calls', async () => {
    for (let i = 0; i < CALLS; i++) {
      const reply = await fetch(`${stack.urls[i % stack.urls.length]}/chat`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model: MODELS[Math.floor(i / stack.urls.length) % 2] }) })
      expect(reply.status).toBe(200)
    }
    const stats = stack.sandbox.hosts.map((one) => one.memoryStats())
    expect(stats.reduce((sum, { swaps }) => sum + swaps, 0)).toBeLessThanOrEqual(2)
    expect(stack.sandbox.hosts.reduce((sum, one) => sum + one.stats().completed, 0)).toBeGreaterThanOrEqual(CALLS)
  }, 60_000)
})

describe('a model that is pinned to weights its hosts have kept', () => {
  const KEPT = 'tollgate-kept/ada:abcdef123456'
  let stack: Stack
  beforeAll(async () => {
    const pinning = (name: string) => ({ ...host(name, 'us-east'), models: ['ada', KEPT], memory: { models: 2, loadMs: 8_000, isInstant: true } })
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: ['a', 'b'].map(pinning) })
    await eventually(async () => expect((await stack.owner.query(`SELECT FROM deployment WHERE model = 'ada' AND kept <> '{}'`)).rowCount).toBe(2), { timeoutMs: 20_000 })
    await stack.owner.query(`UPDATE model SET pinned_digest = (SELECT DISTINCT jsonb_object_keys(kept) FROM deployment WHERE model = 'ada') WHERE name = 'ada'`)
    await stack.gateways[0]!.get(CatalogService).refresh()
  }, 60_000)
  afterAll(() => stack.stop())

  it('is warm where those are in memory, and not where its present ones are', async () => {
    const load = async (name: string, model: string) => (await fetch(`${stack.sandbox.host(name).baseUrl}/api/generate`, { method: 'POST', body: JSON.stringify({ model }) })).text()
    await load('a', 'ada')
    await load('b', KEPT)
    const hosts = stack.gateways[0]!.get(HostsService)
    await eventually(async () => {
      await hosts.refresh()
      expect(hosts.candidates('ada').toSorted((x, y) => (x.hostName < y.hostName ? -1 : 1)).map(({ hostName, upstreamModel, loadMs }) => [hostName, upstreamModel, loadMs > 0])).toEqual([['a', KEPT, true], ['b', KEPT, false]])
    }, { timeoutMs: 20_000 })
    const { key } = await stack.addTenant({ tier: 'enterprise' })
    const reply = await stack.post('/chat', key, { message: 'hi', model: 'ada' })
    expect([reply.status, ((await reply.json()) as { host: string }).host]).toEqual([200, 'b'])
    expect(stack.sandbox.hosts.map((one) => one.memoryStats().loads)).toEqual([1, 1])
  }, 60_000)
})
