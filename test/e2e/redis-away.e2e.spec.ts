import { Redis } from 'ioredis'
import { findRedisServer, startPrivateRedis, type PrivateRedis } from '../../libs/platform/embedded'
import { eventually, FaultProxy, redisTargets, startStack, tempFolder, within, type Fault, type SeededTenant, type Stack } from '../support'
import { atRest, ledgerSum, usageOf, usageRow } from './evidence'

/** The outbox of a durable Redis where there is one, strict durability on the in-process server elsewhere. */
const kinds = findRedisServer() ? ['a durable server', 'js-redis-server'] : ['js-redis-server']
/** Connections break alike on every kind: the slow ways to break are tried on the first. */
const faultsOn = <T>(kind: string, faults: readonly T[]) => (kind === kinds[0] ? faults : faults.slice(0, 1))
const OUTAGES: Fault[] = [{ is: 'refuse' }, { is: 'black-hole' }, { is: 'latency', latencyMs: 2_000 }]

describe.each(kinds)('Redis away: %s', (kind) => {
  let stack: Stack
  let proxy: FaultProxy
  let server: PrivateRedis | null = null
  let redisUrl: string
  let tenant: SeededTenant
  let capped: SeededTenant
  const folder = tempFolder()
  beforeAll(async () => {
    server = kind === 'a durable server' ? await startPrivateRedis({ dir: folder.path, kind: 'server', appendOnly: true }) : null
    redisUrl = server?.url ?? redisTargets()[0]!.url
    proxy = await FaultProxy.start(redisUrl)
    stack = await startStack({ redisUrl: proxy.url, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_REDIS_TIMEOUT_MS: '250' } })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    capped = await stack.addTenant({ budgetPico: 1_000_000_000_000n })
  })
  afterEach(heal)
  afterAll(async () => {
    await stack.stop()
    await proxy.stop()
    await server?.stop()
    folder.remove()
  })

  async function heal(): Promise<void> {
    await proxy.set({ is: 'none' })
    // What a black hole swallowed never arrives: its connections are of no more use.
    proxy.cut()
    for (const host of stack.sandbox.hosts) await host.reset()
    await eventually(async () => expect((await ask(tenant)).status).toBe(200), { timeoutMs: 8_000 })
  }
  const ask = ({ key }: SeededTenant, more: object = {}) =>
    fetch(`${stack.url}/chat`, { method: 'POST', signal: AbortSignal.timeout(15_000), headers: { 'x-api-key': key, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'one two', model: 'llama3.2', ...more }) })
  const readiness = async () => {
    const response = await fetch(`${stack.url}/readyz`, { signal: AbortSignal.timeout(5_000) })
    const { checks } = (await response.json()) as { checks: Record<string, string> }
    return { status: response.status, checks }
  }

  it.each(faultsOn(kind, OUTAGES))('$is: 503 limits_unavailable within a second, never a refusal that blames the caller', async (fault) => {
    for (const caller of [tenant, capped]) await eventually(async () => expect((await ask(caller)).status).toBe(200), { timeoutMs: 8_000 })
    await proxy.set(fault)
    for (let round = 0; round < 2; round++) {
      for (const caller of [tenant, capped]) {
        const response = await within(1_000, ask(caller))
        expect(response.status).toBe(503)
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
        expect(await response.json()).toMatchObject({ code: 'limits_unavailable', retry_after: expect.any(Number) })
      }
    }
    expect(await readiness()).toMatchObject({ status: 503, checks: { postgres: 'ok', redis: 'failed' } })
    await proxy.set({ is: 'none' })
    proxy.cut()
    await eventually(async () => expect(await readiness()).toMatchObject({ status: 200 }), { timeoutMs: 8_000 })
    await eventually(async () => expect((await ask(capped)).status).toBe(200), { timeoutMs: 8_000 })
  }, 120_000)

  it.each(faultsOn(kind, OUTAGES.slice(0, 2)))('$is in the middle of a stream: it ends whole, and Postgres has its bill by then', async (fault) => {
    await stack.sandbox.host('ollama-us').set('ok;words=40;gap=10')
    const response = await eventually(async () => {
      const begun = await ask(tenant, { stream: true })
      expect(begun.status).toBe(200)
      return begun
    })
    const rid = response.headers.get('x-request-id')!
    await proxy.set(fault)
    expect(await response.text()).toContain('data: [DONE]')
    const { rows } = await stack.owner.query('SELECT status, completion_tokens::int FROM usage WHERE rid = $1', [rid])
    expect(rows).toEqual([{ status: 'completed', completion_tokens: 41 }])
    await heal()
    const control = new Redis(redisUrl)
    // Its reservation goes as soon as Redis hears of it.
    await eventually(async () => expect((await control.keys(`*${rid}`)).map((key) => key.replace(/^.*\}:/, ''))).toEqual([`done:${rid}`]), { timeoutMs: 8_000 })
    expect(await usageRow(stack.owner, rid)).toMatchObject({ status: 'completed', completion_tokens: 41 })
    await control.quit()
  }, 120_000)

  it.each<Fault>([{ is: 'cut-before-reply' }, { is: 'latency', latencyMs: 600 }])('$is: an admission whose reply is lost or late leaves nothing reserved', async (fault) => {
    const statuses: number[] = []
    for (let round = 0; round < 4; round++) {
      await heal()
      // Its budget is loaded and its connection good: the next command is the admission itself.
      await eventually(async () => expect((await ask(capped)).status).toBe(200), { timeoutMs: 8_000 })
      await proxy.set(fault)
      statuses.push((await ask(capped)).status)
    }
    await heal()
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    await atRest(redisUrl)
  }, 120_000)

  it('wiped under load: serves again, loses nothing and doubles nothing', async () => {
    const control = new Redis(redisUrl)
    for (const host of stack.sandbox.hosts) await host.reset()
    const completed: string[] = []
    const others = new Set<number>()
    const lane = async (caller: SeededTenant) => {
      for (let done = 0; done < 8; ) {
        const response = await ask(caller)
        await response.text()
        if (response.status === 200) completed.push(response.headers.get('x-request-id')!)
        else others.add(response.status)
        if (response.status === 200) done++
        else await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    const load = Promise.all([tenant, tenant, tenant, capped, capped].map(lane))
    await eventually(() => expect(completed.length).toBeGreaterThan(10))
    await control.flushdb()
    const wipedAt = performance.now()
    await load
    expect([...others].filter((status) => status !== 503)).toEqual([])
    // Callers with a hard cap wait out the grace of 2.5 s, and no longer than it takes.
    expect(performance.now() - wipedAt).toBeLessThan(8_000)
    const rows = await eventually(
      async () => {
        // Only these calls: what an earlier case left may still be on its way.
        const own = [...(await usageOf(stack.owner, tenant.id)), ...(await usageOf(stack.owner, capped.id))].filter(({ rid }) => completed.includes(rid))
        expect(own).toHaveLength(completed.length)
        return own
      },
      { timeoutMs: 15_000 },
    )
    const log = stack.sandbox.hosts.flatMap((host) => host.log()).filter(({ end }) => end === 'completed')
    expect(rows.map(({ rid }) => rid).sort()).toEqual([...completed].sort())
    expect(log.map(({ request_id: rid }) => rid).sort()).toEqual([...completed].sort())
    expect(rows.reduce((sum, row) => sum + row.completion_tokens, 0)).toBe(log.reduce((sum, entry) => sum + entry.completion_tokens, 0))
    for (const { id } of [tenant, capped]) expect(await ledgerSum(stack.owner, id)).toBe((await usageOf(stack.owner, id)).reduce((sum, row) => sum + row.amount_pico, 0n))
    await atRest(redisUrl)
    await control.quit()
  }, 120_000)
})
