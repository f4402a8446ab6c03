import { connect, type Socket } from 'node:net'
import { request } from 'node:http'
import { eventually, redisTargets, startStack, type FaultProxy, type SeededTenant, type Stack } from '../support'
import { atRest, behind, proxyOfPostgres, usageOf, usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'llama3.2'],
  ['openai', 'openai-eu', 'gpt-4o-mini'],
] as const

describe('a client that leaves, or does not read', () => {
  let stack: Stack
  let tenant: SeededTenant
  const clients: Socket[] = []
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'both'] },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini', 'both'] },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await stack.stop()
  })

  const start = (body: object, signal: AbortSignal) =>
    fetch(`${stack.url}/chat`, { method: 'POST', signal, headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })

  describe.each(DIALECTS)('of a host of the %s dialect', (_dialect, host, model) => {
    it.each([0, 1, 4])('stops the upstream within a second when it leaves a stream after %i events, and pays for what it got', async (count) => {
      await stack.sandbox.host(host).set(count === 0 ? 'ok;words=200;delay=3000' : 'ok;words=2000;gap=20')
      const known = new Set((await usageOf(stack.owner, tenant.id)).map(({ rid }) => rid))
      const leave = new AbortController()
      const pending = start({ message: 'one two', model, stream: true }, leave.signal)
      let seen = 0
      if (count === 0) {
        pending.catch(() => undefined)
        await eventually(() => expect(stack.sandbox.host(host).stats().active).toBe(1))
      } else {
        const reader = (await pending).body!.getReader()
        for (let text = ''; seen < count; seen = text.split('"delta"').length - 1) text += Buffer.from((await reader.read()).value!).toString()
      }
      const made = () => stack.sandbox.host(host).log().at(-1)!.generated_tokens
      const madeByThen = made()
      leave.abort()
      await eventually(() => expect(stack.sandbox.host(host).stats()).toMatchObject({ active: 0, aborted: 1 }), { timeoutMs: 1_000 })
      // A token takes 20 ms: of a second there are so many, and fewer where the machine stood still.
      expect(made() - madeByThen).toBeLessThanOrEqual(1_000 / 20)
      const row = await eventually(async () => {
        const fresh = (await usageOf(stack.owner, tenant.id)).filter(({ rid }) => !known.has(rid))
        expect(fresh).toHaveLength(1)
        return fresh[0]!
      })
      expect(row).toMatchObject({ status: 'aborted', error_code: 'client_closed', usage_source: 'estimated' })
      const written = stack.sandbox.host(host).log().at(-1)!.completion_tokens
      expect(row.completion_tokens).toBeGreaterThanOrEqual(seen)
      expect(row.completion_tokens).toBeLessThanOrEqual(written)
      expect(row.prompt_tokens > 0).toBe(count > 0)
      expect(row.amount_pico).toBe(BigInt(row.prompt_tokens) * 1_000_000n + BigInt(row.completion_tokens) * 2_000_000n)
      await atRest(redisUrl)
    })

    it('stops the upstream within a second when it leaves a whole answer, and pays nothing: it got nothing', async () => {
      await stack.sandbox.host(host).set('ok;words=500;gap=20')
      const known = new Set((await usageOf(stack.owner, tenant.id)).map(({ rid }) => rid))
      const leave = new AbortController()
      start({ message: 'one two', model }, leave.signal).catch(() => undefined)
      await eventually(() => expect(stack.sandbox.host(host).stats().active).toBe(1))
      leave.abort()
      await eventually(() => expect(stack.sandbox.host(host).stats()).toMatchObject({ active: 0, aborted: 1 }), { timeoutMs: 1_000 })
      await eventually(async () => expect((await usageOf(stack.owner, tenant.id)).filter(({ rid }) => !known.has(rid))).toMatchObject([{ status: 'aborted', amount_pico: 0n }]))
      await atRest(redisUrl)
    })

    it('pauses the upstream while it does not read, within bounded buffers, and gets everything afterwards', async () => {
      const words = 3_000
      const text = Array.from({ length: words }, (_, i) => `${i}-${'x'.repeat(8_000)}`).join(' ')
      await stack.sandbox.host(host).set({ name: 'ok', params: { text, gap: 0 } })
      const gatewaySockets = watchSockets(stack)
      const client = connect({ port: Number(new URL(stack.url).port), host: '127.0.0.1' })
      clients.push(client)
      client.pause()
      const body = JSON.stringify({ message: 'one two', model, stream: true })
      client.write(`POST /chat HTTP/1.1\r\nhost: gate\r\nconnection: close\r\nx-api-key: ${tenant.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      const written = () => stack.sandbox.host(host).log().at(-1)?.bytes ?? 0
      // Paused: two looks, some time apart, see the same figure.
      const stalledAt = await eventually(async () => {
        const before = written()
        await new Promise((resolve) => setTimeout(resolve, 150))
        expect(before).toBeGreaterThan(0)
        expect(written()).toBe(before)
        return before
      })
      expect(stalledAt).toBeLessThan(text.length * 0.8)
      expect(Math.max(...gatewaySockets().map((socket) => socket.writableLength))).toBeLessThan(1024 * 1024)
      expect(stack.sandbox.host(host).stats().active).toBe(1)
      let received = 0
      let tail = ''
      client.on('data', (bytes) => {
        received += bytes.length
        tail = (tail + bytes.toString('latin1')).slice(-600)
      })
      const closed = new Promise((resolve) => client.once('close', resolve))
      client.resume()
      await closed
      expect(received).toBeGreaterThan(text.length)
      expect(tail).toContain('[DONE]')
      const rid = /"request_id":"([0-9a-f-]{36})"/.exec(tail)![1]!
      expect(await usageRow(stack.owner, rid)).toMatchObject({ status: 'completed', completion_tokens: words + 1 })
      await atRest(redisUrl)
    })
  })

  it('falls back to the next host when the first refuses connections, and says so', async () => {
    await stack.sandbox.host('ollama-us').stop()
    const response = await stack.post('/chat', tenant.key, { message: 'one two', model: 'both' })
    expect(await response.json()).toMatchObject({ host: 'openai-eu', provider: 'openai', attempts: 2 })
    const row = await usageRow(stack.owner, response.headers.get('x-request-id')!)
    expect(row).toMatchObject({ status: 'completed', host: 'openai-eu', attempts: 2 })
    const { rows } = await stack.owner.query('SELECT host, outcome FROM provider_cost WHERE rid = $1 ORDER BY attempt', [row.rid])
    expect(rows).toEqual([{ host: 'ollama-us', outcome: expect.stringContaining('not_dispatched') }, { host: 'openai-eu', outcome: 'completed' }])
  })

  it('503 with Retry-After when every host refuses connections; nothing is billed', async () => {
    for (const host of stack.sandbox.hosts) await host.stop()
    const response = await stack.post('/chat', tenant.key, { message: 'one two', model: 'both' })
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await response.json()).toMatchObject({ error: 'Model both not available', code: 'model_not_available' })
    expect(await usageRow(stack.owner, response.headers.get('x-request-id')!)).toMatchObject({ status: 'failed', amount_pico: 0n, attempts: 2 })
    await atRest(redisUrl)
  })

  it('never leaves the regions of the tenant, even when nothing else answers', async () => {
    const bound = await stack.addTenant({ tier: 'enterprise', allowedRegions: ['us-east'] })
    await stack.sandbox.host('ollama-us').stop()
    const response = await stack.post('/chat', bound.key, { message: 'one two', model: 'both' })
    expect(response.status).toBe(503)
    expect(stack.sandbox.host('openai-eu').stats().requests).toBe(0)
  })
})

/** Server-side sockets of the gateway that are open now, from here on. */
function watchSockets(stack: Stack): () => Socket[] {
  const open = new Set<Socket>()
  stack.gateways[0]!.getHttpServer().on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return () => [...open]
}

describe('a client that leaves while its key is looked up', () => {
  let stack: Stack
  let postgres: FaultProxy
  beforeAll(async () => {
    postgres = await proxyOfPostgres()
    stack = await startStack({ redisUrl, throughProxy: (url) => behind(postgres, url), env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
  })
  afterAll(async () => {
    await postgres.set({ is: 'none' })
    await stack.stop()
    await postgres.stop()
  })

  it.each([true, false])('is not served (stream %s): nothing is asked upstream, and nothing stays reserved', async (stream) => {
    const tenant = await stack.addTenant()
    await postgres.set({ is: 'latency', latencyMs: 100 })
    const call = request(`${stack.url}/chat`, { method: 'POST', headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' } })
    call.on('error', () => undefined)
    call.end(JSON.stringify({ message: 'one two', model: 'llama3.2', stream }), () => setImmediate(() => call.destroy()))
    const [row] = await eventually(
      async () => {
        const rows = await usageOf(stack.owner, tenant.id)
        expect(rows).toHaveLength(1)
        return rows
      },
      { timeoutMs: 8_000 },
    )
    await postgres.set({ is: 'none' })
    expect(row).toMatchObject({ status: 'aborted', error_code: 'client_closed', amount_pico: 0n })
    expect(stack.sandbox.hosts.map((host) => host.stats().active)).toEqual(stack.sandbox.hosts.map(() => 0))
    expect(stack.sandbox.hosts.flatMap((host) => host.log())).toEqual([])
    await atRest(redisUrl)
  })
})
