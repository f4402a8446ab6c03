import { Redis } from 'ioredis'
import { picoFromDecimal } from '../../libs/kernel'
import { eventually, FaultProxy, redisTargets, startStack, within, type SeededTenant, type Stack } from '../support'
import { atRest, behind, eventsIn, ledgerSum, proxyOfPostgres, usageOf, usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const MESSAGES = [{ role: 'user', content: 'one two' }]
/** Inference routes with a body they serve; test/contract/routes.e2e.spec.ts sends a key to every one there is. */
const ROUTES: [path: string, body: Record<string, unknown>][] = [
  ['/chat', { message: 'one two', model: 'llama3.2' }],
  ['/chat/completions', { messages: MESSAGES, model: 'llama3.2' }],
  ['/v1/chat/completions', { messages: MESSAGES, model: 'llama3.2' }],
  ['/v1/projects/:tenant/web/chat/completions', { messages: MESSAGES, model: 'llama3.2' }],
]
const BODY = ROUTES[0]![1]

describe('Idempotency-Key on three gateways', () => {
  let stack: Stack
  let postgres: FaultProxy
  let redis: FaultProxy
  let tenant: SeededTenant
  let keys = 0
  beforeAll(async () => {
    postgres = await proxyOfPostgres()
    redis = await FaultProxy.start(redisUrl)
    stack = await startStack({ redisUrl: redis.url, gateways: 3, throughProxy: (url) => behind(postgres, url), env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_REDIS_TIMEOUT_MS: '5000' } })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, gen_random_uuid(), 'web', 'Web')`, [tenant.id])
  }, 30_000)
  afterEach(async () => {
    await Promise.all([redis.set({ is: 'none' }), postgres.set({ is: 'none' })])
    // A reset keeps the calls that still run in its log.
    for (const host of stack.sandbox.hosts) {
      await eventually(() => expect(host.stats().active).toBe(0))
      await host.reset()
    }
  })
  afterAll(async () => {
    await stack.stop()
    await Promise.all([postgres.stop(), redis.stop()])
  })

  const freshKey = () => `key-${++keys}`
  const send = (gateway: number, key: string | null, body: object = BODY, path = '/chat', signal?: AbortSignal) =>
    fetch(stack.urls[gateway % 3]! + path.replace(':tenant', tenant.slug), {
      method: 'POST', signal: signal ?? null, body: JSON.stringify(body),
      headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json', ...(key === null ? {} : { 'idempotency-key': key }) },
    })
  const codeOf = async (response: Response): Promise<string> => {
    const { code, error } = (await response.json()) as { code?: string; error: { code: string } }
    return `${response.status} ${code ?? error.code}`
  }
  const all = (gateway: number, key: string | null, body?: object, path?: string) => send(gateway, key, body, path).then(codeOf)
  /** Calls the hosts saw since the last reset, by request id. */
  const upstream = () => stack.sandbox.hosts.flatMap((host) => host.log()).map((entry) => entry.request_id)
  /** A host that failed in an earlier test may be passed over: what matters is what the host does that is chosen. */
  const everywhere = (behaviour: string) => Promise.all(stack.sandbox.hosts.map((host) => host.set(behaviour)))
  const slowly = () => everywhere('ok;words=20;gap=20;delay=200')
  const keyRows = async () => (await stack.owner.query('SELECT count(*)::int AS count FROM idempotent_call')).rows[0].count as number

  it.each([[...ROUTES[0]!, 100], ...ROUTES.slice(1).map(([path, body]) => [path, body, 15] as const)] as [string, Record<string, unknown>, number][])('%s: of twins one is answered, one reaches a host, one is billed', async (path, body, twins) => {
    for (const stream of [false, true]) {
      for (const host of stack.sandbox.hosts) await host.reset()
      await slowly()
      const key = freshKey()
      const responses = await Promise.all(Array.from({ length: twins }, (_, i) => send(i, key, { ...body, stream }, path)))
      const answered = responses.filter(({ status }) => status === 200)
      expect(answered).toHaveLength(1)
      const rid = answered[0]!.headers.get('x-request-id')!
      expect(await answered[0]!.text()).toContain(stream ? 'data: [DONE]' : 'usage')
      const others = await Promise.all(responses.filter((response) => response !== answered[0]).map(async (response) => ({ code: await codeOf(response), retryAfter: response.headers.get('retry-after') })))
      expect(others).toHaveLength(twins - 1)
      // Whoever comes while it runs is told to wait; a slow machine brings some after its end.
      for (const other of others) expect([{ code: '409 idempotency_in_progress', retryAfter: '2' }, { code: '409 already_completed', retryAfter: null }]).toContainEqual(other)
      expect(upstream()).toEqual([rid])
      expect(await usageRow(stack.owner, rid)).toMatchObject({ status: 'completed', completion_tokens: 21 })
    }
    await atRest(redisUrl)
  }, 120_000)

  it('another body is 422, on every gateway, while the call runs and after it; another route and another tenant are other scopes', async () => {
    await slowly()
    const key = freshKey()
    const running = send(0, key)
    await eventually(() => expect(upstream()).toHaveLength(1))
    expect(await all(1, key, { ...BODY, message: 'one three' })).toBe('422 idempotency_key_reused')
    expect((await running).status).toBe(200)
    expect(await all(2, key, { ...BODY, stream: true })).toBe('422 idempotency_key_reused')
    expect(upstream()).toHaveLength(1)
    // The same body with its fields in another order is the same request.
    expect(await all(1, key, { model: BODY.model, message: BODY.message })).toBe('409 already_completed')
    expect((await send(1, key, ROUTES[2]![1], ROUTES[2]![0])).status).toBe(200)
    const other = await stack.addTenant({ tier: 'enterprise' })
    expect((await stack.post('/chat', other.key, BODY, { 'idempotency-key': key })).status).toBe(200)
  })

  it('another project under the same key is another request: 422', async () => {
    await stack.owner.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, gen_random_uuid(), 'app', 'App')`, [tenant.id])
    await stack.owner.query('UPDATE tenant SET auth_epoch = auth_epoch + 1 WHERE id = $1', [tenant.id])
    const key = freshKey()
    const [path, body] = ROUTES[3]!
    expect((await send(0, key, body, path)).status).toBe(200)
    expect(await all(0, key, body, path.replace('/web/', '/app/'))).toBe('422 idempotency_key_reused')
  })

  it.each(ROUTES)('%s: repeated after its end it answers 409 with what the first one used and cost, and does not ask to be retried', async (path, body) => {
    const key = freshKey()
    const first = await send(0, key, { ...body, stream: true }, path)
    const rid = first.headers.get('x-request-id')!
    expect(eventsIn(await first.text()).at(-1)).toBe('[DONE]')
    // At once: the end was noted before the terminal event.
    const second = await send(1, key, { ...body, stream: true }, path)
    const row = await usageRow(stack.owner, rid)
    expect(second.status).toBe(409)
    expect([second.headers.get('x-should-retry'), second.headers.get('content-type')]).toEqual(['false', 'application/json; charset=utf-8'])
    const reply = (await second.json()) as { original: Record<string, unknown> & { cost: string } }
    expect(reply.original).toMatchObject({
      request_id: rid, status: 'completed', finish_reason: 'stop', currency: 'USD',
      usage: { prompt_tokens: row.prompt_tokens, completion_tokens: row.completion_tokens, total_tokens: row.prompt_tokens + row.completion_tokens },
    })
    expect(picoFromDecimal(reply.original.cost)).toBe(row.amount_pico)
    expect(second.headers.get('x-request-id')).not.toBe(rid)
    expect(upstream()).toEqual([rid])
  })

  it.each(['', 'a b', 'x'.repeat(256), 'k\u00e9y'])('%j is no key: 400 that names the header, on every route, and nothing runs', async (key) => {
    for (const [path, body] of ROUTES) {
      const response = await send(0, key, body, path)
      const text = await response.text()
      expect([path, response.status, text.includes('Idempotency-Key')]).toEqual([path, 400, true])
    }
    expect(upstream()).toEqual([])
  })

  it('a key of 255 visible characters is one', async () => expect((await send(0, '~'.repeat(255))).status).toBe(200))

  it('refusals free the key: before dispatch, and after it when nothing was billed', async () => {
    const key = freshKey()
    expect(await all(0, key, { ...BODY, model: 'nope' })).toBe('404 model_not_found')
    await everywhere('http500')
    expect(await all(1, key)).toMatch(/^50[23] /)
    const failed = upstream().length
    expect(failed).toBeGreaterThan(0)
    await everywhere('ok;words=5')
    const answered = await eventually(async () => {
      const response = await send(2, key)
      expect(response.status).toBe(200)
      return response.headers.get('x-request-id')!
    })
    expect(await all(0, key)).toBe('409 already_completed')
    const billed = (await usageOf(stack.owner, tenant.id)).filter((row) => upstream().includes(row.rid) && row.amount_pico > 0n)
    expect((await usageRow(stack.owner, answered)).amount_pico).toBeGreaterThan(0n)
    expect(billed.filter(({ rid }) => rid !== answered)).toEqual([])
  })

  it('a client that leaves before a word came may ask again; one that left with half an answer is told what it paid', async () => {
    const key = freshKey()
    await everywhere('ok;words=200;delay=3000')
    const early = new AbortController()
    const gone = send(0, key, { ...BODY, stream: true }, '/chat', early.signal).catch(() => null)
    await eventually(() => expect(stack.sandbox.hosts.reduce((sum, host) => sum + host.stats().active, 0)).toBe(1))
    early.abort()
    await gone
    await everywhere('ok;words=2000;gap=20')
    const late = new AbortController()
    const half = await eventually(async () => {
      const response = await send(1, key, { ...BODY, stream: true }, '/chat', late.signal)
      expect(response.status).toBe(200)
      return response
    })
    const rid = half.headers.get('x-request-id')!
    const reader = half.body!.getReader()
    for (let text = ''; text.split('"delta"').length < 6; ) text += Buffer.from((await reader.read()).value!).toString()
    late.abort()
    const row = await usageRow(stack.owner, rid)
    expect(row.amount_pico).toBeGreaterThan(0n)
    const told = await eventually(async () => {
      const response = await send(2, key, { ...BODY, stream: true })
      const body = (await response.json()) as { code: string; original: { cost: string } }
      expect(body.code).toBe('already_completed')
      return body
    })
    expect(told.original).toMatchObject({ request_id: rid, status: 'aborted' })
    expect(picoFromDecimal(told.original.cost)).toBe(row.amount_pico)
    expect(upstream()).toHaveLength(2)
  }, 120_000)

  it('Redis wiped in the middle of a call: its twin still meets it, and it is billed once', async () => {
    await everywhere('ok;words=150;gap=20')
    const key = freshKey()
    const before = await ledgerSum(stack.owner, tenant.id)
    const running = await send(0, key, { ...BODY, stream: true })
    const control = new Redis(redisUrl)
    await control.flushdb()
    await control.quit()
    for (const gateway of [0, 1, 2]) expect(await all(gateway, key, { ...BODY, stream: true })).toBe('409 idempotency_in_progress')
    expect(await running.text()).toContain('data: [DONE]')
    expect(await all(1, key, { ...BODY, stream: true })).toBe('409 already_completed')
    const row = await usageRow(stack.owner, running.headers.get('x-request-id')!)
    await eventually(async () => expect((await ledgerSum(stack.owner, tenant.id)) - before).toBe(row.amount_pico))
    expect(upstream()).toHaveLength(1)
  }, 120_000)

  it.each([{ is: 'refuse' }, { is: 'cut-before-reply' }] as const)('Redis away ($is): 503 that blames nobody, and the key is free for the next try', async (fault) => {
    const key = freshKey()
    expect((await send(0, null)).status).toBe(200)
    await redis.set(fault)
    expect(await all(0, key)).toBe('503 limits_unavailable')
    expect(upstream()).toHaveLength(1)
    await redis.set({ is: 'none' })
    redis.cut()
    await eventually(async () => expect((await send(1, key)).status).toBe(200), { timeoutMs: 8_000 })
    expect(await all(2, key)).toBe('409 already_completed')
    expect(upstream()).toHaveLength(2)
    await atRest(redisUrl)
  }, 120_000)

  it.each([{ is: 'refuse' }, { is: 'black-hole' }] as const)('Postgres away ($is): a call with a key is 503 and never runs, one without is served; afterwards the key runs once', async (fault) => {
    const key = freshKey()
    expect((await send(0, null)).status).toBe(200)
    await postgres.set(fault)
    const response = await within(4_000, send(0, key))
    expect(response.headers.get('retry-after')).toBe('2')
    expect(await codeOf(response)).toBe('503 idempotency_unavailable')
    expect(upstream()).toHaveLength(1)
    await postgres.set({ is: 'none' })
    postgres.cut()
    await eventually(async () => expect((await send(0, key)).status).toBe(200), { timeoutMs: 20_000 })
    expect(upstream()).toHaveLength(2)
    expect(await all(1, key)).toBe('409 already_completed')
  }, 120_000)

  it('is free again after 24 hours, for any body', async () => {
    const key = freshKey()
    expect((await send(0, key)).status).toBe(200)
    const age = (interval: string) => stack.owner.query('UPDATE idempotent_call SET expires_at = expires_at - $1::interval', [interval])
    await age('23 hours 59 minutes')
    expect(await all(1, key)).toBe('409 already_completed')
    await age('1 minute')
    const again = await send(2, key, { ...BODY, message: 'tomorrow' })
    expect(again.status).toBe(200)
    await again.text()
    expect(await all(0, key, { ...BODY, message: 'tomorrow' })).toBe('409 already_completed')
    expect(upstream()).toHaveLength(2)
  })

  it('calls without the header leave no trace among the keys', async () => {
    const before = await keyRows()
    for (const [path, body] of ROUTES) expect((await send(0, null, body, path)).status).toBe(200)
    expect(await keyRows()).toBe(before)
  })

  it('keeps neither key nor text', async () => {
    await send(0, 'my-own-customer', { ...BODY, message: 'a very private question' })
    const { rows } = await stack.owner.query(`SELECT string_agg(k::text, ' ') ~ ('my-own-customer|private|' || encode('my-own-customer', 'hex')) AS is_kept, count(*)::int > 0 AS is_there FROM idempotent_call k`)
    expect(rows).toEqual([{ is_kept: false, is_there: true }])
  })
})
