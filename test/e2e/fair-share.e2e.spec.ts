import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { CatalogService } from '@tollgate/catalog'
import { HostsService } from '@tollgate/hosts'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { seedUpstreams } from '../support/seeding'

const SERVICE_MS = 40
const SLOTS = 4

/** An Ollama that works on whatever it is given at once, and counts how much that is at most. */
function startOllama(): Promise<{ url: string; server: Server; most: () => number; take: (ms: number) => void }> {
  let serviceMs = SERVICE_MS
  let held = 0
  let most = 0
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      most = Math.max(most, ++held)
      setTimeout(() => {
        held--
        response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(`${JSON.stringify({ model: 'phi3', message: { role: 'assistant', content: 'served' }, done: true, done_reason: 'stop', prompt_eval_count: 30, eval_count: 10 })}\n`)
      }, serviceMs)
    })
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, most: () => most, take: (ms) => void (serviceMs = ms) })))
}

// One line for both gateways: each tier calls at a gateway of its own, and only a common line can weigh them.
describe('two gateways before one host', () => {
  let stack: Stack
  let ollama: Awaited<ReturnType<typeof startOllama>>
  let redis: Redis
  beforeAll(async () => {
    redis = new Redis(redisTargets().at(-1)!.url)
    ollama = await startOllama()
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, gateways: 2, hosts: [], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await seedUpstreams(stack.owner, [{ name: 'shared', region: 'us-east', dialect: 'ollama', models: ['phi3'], baseUrl: ollama.url }])
    await stack.owner.query(`UPDATE host SET max_parallel = ${SLOTS}`)
    for (const gateway of stack.gateways) {
      await gateway.get(HostsService).refresh()
      await gateway.get(CatalogService).refresh()
    }
  })
  afterAll(async () => {
    await stack.stop()
    redis.disconnect()
    ollama.server.close()
  })

  const ask = async (gateway: number, { key }: SeededTenant) => {
    const reply = await fetch(`${stack.urls[gateway]}/chat`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model: 'phi3', max_tokens: 20 }) })
    const body = (await reply.json()) as Record<string, unknown>
    return { status: reply.status, body, retryAfter: reply.headers.get('retry-after'), position: reply.headers.get('x-tollgate-queue-position'), estimateMs: reply.headers.get('x-tollgate-queue-estimate-ms') }
  }

  it('serve by the weights of the tiers, whichever gateway a tier calls at; nobody who finds a slot free stands in line', async () => {
    // Limits of requests are not what is looked at here.
    await stack.owner.query(`INSERT INTO tier (slug, version, name, models, max_output_tokens, default_model, queue_weight) VALUES ('light', 1, 'Light', '{*}', 4000, 'phi3', 2), ('heavy', 1, 'Heavy', '{*}', 4000, 'phi3', 8)`)
    const [light, heavy] = [await stack.addTenant({ tier: 'light' }), await stack.addTenant({ tier: 'heavy' })]
    // Each gateway hears once a second who else uses the host; until then each takes the slots for its own.
    const words = async () => Object.values(await redis.hgetall('health:gateways')).map((text) => JSON.parse(text) as { at: number; hosts: object }).filter(({ hosts }) => Object.keys(hosts).length > 0)
    let saidAtMs = Infinity
    await eventually(async () => {
      for (const [i, tenant] of [light, heavy].entries()) expect((await ask(i, tenant)).status).toBe(200)
      const said = await words()
      if (said.length === 2 && saidAtMs === Infinity) saidAtMs = Math.max(...said.map(({ at }) => at))
      expect(Math.min(...said.map(({ at }) => at))).toBeGreaterThan(saidAtMs)
    }, { timeoutMs: 20_000 })
    expect(await ask(0, light)).toMatchObject({ status: 200, position: null, estimateMs: null })
    const served = new Map<string, number>()
    const stood: { position: number; estimateMs: number }[] = []
    let isOver = false
    const lane = async (gateway: number, name: string, tenant: SeededTenant): Promise<void> => {
      while (!isOver) {
        const reply = await ask(gateway, tenant)
        if (reply.status !== 200) {
          await after(200)
          continue
        }
        if (reply.position !== null) stood.push({ position: Number(reply.position), estimateMs: Number(reply.estimateMs) })
        served.set(name, (served.get(name) ?? 0) + 1)
        if ((served.get('heavy') ?? 0) >= 240) isOver = true
      }
    }
    await Promise.all([...Array.from({ length: 6 }, () => lane(0, 'light', light)), ...Array.from({ length: 12 }, () => lane(1, 'heavy', heavy))])
    const ratio = served.get('heavy')! / served.get('light')!
    // By halves of the slots it would be 1; the start and the end, where nobody waits yet or any more, blur it.
    expect(ratio).toBeGreaterThan(2.8)
    expect(ratio).toBeLessThan(5.5)
    expect(stood.length).toBeGreaterThan(100)
    expect(stood.every(({ position, estimateMs }) => position >= 1 && estimateMs >= 0)).toBe(true)
    expect(ollama.most()).toBeLessThanOrEqual(SLOTS + 1)
  }, 60_000)

  it('serve whoever waits in a line that Redis has lost, as a failover may lose it', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    // A line that stands for long enough to be lost, and is served in well under the two seconds that anybody waits.
    ollama.take(150)
    // What is left of the line of before, which nobody stands in.
    await redis.del('queue:{phi3}')
    const asked = Promise.all(Array.from({ length: 12 }, () => ask(0, tenant)))
    await eventually(async () => expect(await redis.del('queue:{phi3}')).toBe(1))
    expect((await asked).filter(({ status }) => status !== 200)).toEqual([])
    ollama.take(SERVICE_MS)
  }, 60_000)

  it('turn away at once, with the time to come back, who would wait for longer than two seconds', async () => {
    const tenant = await stack.addTenant({ tier: 'heavy' })
    const replies = await Promise.all(Array.from({ length: 160 }, (_, i) => ask(i % 2, tenant)))
    const turned = replies.filter(({ status }) => status === 429)
    expect(replies.every(({ status }) => status === 200 || status === 429)).toBe(true)
    expect(turned.length).toBeGreaterThan(10)
    for (const { body, retryAfter } of turned) {
      expect(body.code).toBe('hosts_busy')
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(2)
    }
  }, 60_000)
})
