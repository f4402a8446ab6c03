import { LimitsService } from '../../libs/limits'
import { TiersService } from '../../libs/tiers'
import { eventually, redisTargets, startStack, within, type SeededTenant, type Stack } from '../support'
import { atRest, usageOf } from './evidence'

/** Adds or changes a tier, and lets every gateway see it. */
async function setTier(stack: Stack, slug: string, limits: { rpm?: number; tpm?: number; parallel?: number; maxOutput?: number; models?: string }): Promise<void> {
  await stack.owner.query(
    `INSERT INTO tier (slug, version, name, models, rpm_limit, tpm_limit, max_parallel_requests, max_output_tokens, default_model)
     SELECT $1, coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5, $6, 'llama3.2' FROM tier WHERE slug = $1`,
    [slug, limits.models ?? '{*}', limits.rpm ?? null, limits.tpm ?? null, limits.parallel ?? null, limits.maxOutput ?? 1_000],
  )
  for (const gateway of stack.gateways) await gateway.get(TiersService).refresh()
}

describe.each(redisTargets())('limits over two gateways on $kind', ({ url: redisUrl }) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ redisUrl, gateways: 2, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'phi3'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
  })
  afterEach(() => stack.sandbox.host('ollama-us').reset())
  afterAll(() => stack.stop())

  const ask = (gateway: number, { key }: SeededTenant, body: object = {}) =>
    fetch(`${stack.urls[gateway]}/chat`, { method: 'POST', headers: { 'x-api-key': key, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'one', model: 'llama3.2', max_tokens: 20, ...body }) })
  const inTurn = async (count: number, tenant: SeededTenant, body: object = {}) => {
    const answers: Response[] = []
    for (let i = 0; i < count; i++) answers.push(await ask(i % 2, tenant, body))
    return answers
  }

  it.each([
    ['tier', async () => (await setTier(stack, 'six', { rpm: 6 }), stack.addTenant({ tier: 'six' })), 'six tier'],
    ['key', () => stack.addTenant({ tier: 'enterprise', key: { rpm: 6 } }), 'API key'],
  ] as const)('429: requests a minute of the %s count on both together', async (_whose, make, rule) => {
    const tenant = await make()
    const answers = await inTurn(8, tenant)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429, 429])
    const seen = answers.slice(0, 6).map(({ headers }) => [headers.get('x-ratelimit-limit-requests'), headers.get('x-ratelimit-remaining-requests')])
    expect(seen).toEqual(['5', '4', '3', '2', '1', '0'].map((left) => ['6', left]))
    const refused = answers[6]!
    const body = (await refused.json()) as { error: string; reset_seconds: number }
    expect(body).toMatchObject({ code: 'rate_limit_exceeded', rule, unit: 'requests', limit: 6, used: 6 })
    for (const part of ['6 requests per minute', rule, 'Used 6']) expect(body.error).toContain(part)
    const wait = Number(refused.headers.get('retry-after'))
    // The first request leaves the window a minute after it came, give or take the slot of a second. No SDK is told to wait longer.
    expect(body.reset_seconds).toBeLessThanOrEqual(61)
    expect(wait).toBe(Math.min(60, body.reset_seconds as number))
    expect(wait).toBeGreaterThan(50)
    expect(refused.headers.get('x-should-retry')).toBeNull()
    expect((await usageOf(stack.owner, tenant.id)).length).toBeLessThanOrEqual(6)
  })

  it('429: no burst over both gets more than the limit', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise', key: { rpm: 10 } })
    const statuses = await Promise.all(Array.from({ length: 40 }, async (_, i) => (await ask(i % 2, tenant)).status))
    expect(statuses.filter((status) => status === 200)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(30)
  })

  it.each([
    ['tier', async () => (await setTier(stack, 'thrifty', { tpm: 400 }), stack.addTenant({ tier: 'thrifty' })), 'thrifty tier'],
    ['key', () => stack.addTenant({ tier: 'enterprise', key: { tpm: 400 } }), 'API key'],
  ] as const)('429: tokens a minute of the %s are reserved whole, and what was not used comes back', async (_whose, make, rule) => {
    const tenant = await make()
    const first = await ask(0, tenant, { max_tokens: 250 })
    expect(first.status).toBe(200)
    await first.json()
    expect(first.headers.get('x-ratelimit-limit-tokens')).toBe('400')
    await atRest(redisUrl)
    // 15 of some 330 were used: a second call of the same size fits only because the rest was given back.
    const again = await ask(1, tenant, { max_tokens: 250 })
    expect(again.status).toBe(200)
    expect(Number(again.headers.get('x-ratelimit-remaining-tokens'))).toBeGreaterThanOrEqual(0)
    await again.json()
    await atRest(redisUrl)
    await stack.sandbox.host('ollama-us').set('ok;words=2000;gap=20')
    const leave = new AbortController()
    const open = await fetch(`${stack.url}/chat`, { method: 'POST', signal: leave.signal, headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'one', model: 'llama3.2', max_tokens: 200, stream: true }) })
    expect(open.status).toBe(200)
    const refused = await ask(1, tenant, { max_tokens: 250 })
    expect(refused.status).toBe(429)
    expect(await refused.json()).toMatchObject({ code: 'rate_limit_exceeded', rule, unit: 'tokens', limit: 400, used: expect.any(Number), requested: expect.any(Number), reset_seconds: expect.any(Number) })
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    leave.abort()
    await atRest(redisUrl)
  })

  it.each([
    ['tier', async () => (await setTier(stack, 'narrow', { parallel: 2 }), stack.addTenant({ tier: 'narrow' })), 'narrow tier'],
    ['key', () => stack.addTenant({ tier: 'enterprise', key: { parallel: 2 } }), 'API key'],
  ] as const)('429: calls in flight of the %s count on both together, and a place is free as soon as one ends', async (_whose, make, rule) => {
    const tenant = await make()
    await stack.sandbox.host('ollama-us').set('ok;words=900;gap=20')
    const leave = new AbortController()
    const opened = await Promise.all([0, 1].map((gateway) => fetch(`${stack.urls[gateway]}/chat`, { method: 'POST', signal: leave.signal, headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'one', model: 'llama3.2', stream: true }) })))
    expect(opened.map(({ status }) => status)).toEqual([200, 200])
    const refused = await ask(1, tenant)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refused.json()).toMatchObject({ code: 'concurrency_limit_exceeded', rule, limit: 2, used: 2, unit: 'parallel_requests' })
    leave.abort()
    await atRest(redisUrl)
    await stack.sandbox.host('ollama-us').set('ok')
    expect((await ask(0, tenant)).status).toBe(200)
  })

  it('401: a revoked key is refused at the very next call everywhere, and its open streams are cut within 2 s', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    const bystander = await stack.addTenant({ tier: 'enterprise' })
    await stack.sandbox.host('ollama-us').set('ok;words=2000;gap=10')
    const open = await Promise.all([0, 1].map((gateway) => ask(gateway, tenant, { stream: true, max_tokens: 1_000 })))
    const other = await ask(0, bystander, { stream: true, max_tokens: 200 })
    const tails = open.map((response) => response.text())
    const { rows } = await stack.owner.query('UPDATE api_key SET revoked_at = now() WHERE id = $1 RETURNING (SELECT bucket FROM tenant WHERE id = tenant_id)', [tenant.keyId])
    await stack.gateways[0]!.get(LimitsService).revokeKey(rows[0].bucket, tenant.keyId)
    const [next, cut] = await Promise.all([Promise.all([ask(0, tenant), ask(1, tenant)]), within(2_000, Promise.all(tails))])
    expect(next.map(({ status }) => status)).toEqual([401, 401])
    for (const text of cut) {
      expect(text).not.toContain('[DONE]')
      expect(text).toMatch(/"code":"invalid_api_key"/)
    }
    expect(await other.text()).toContain('[DONE]')
    await eventually(async () => expect((await usageOf(stack.owner, tenant.id)).map(({ status }) => status)).toEqual(['aborted', 'aborted']))
    await eventually(() => expect(stack.sandbox.host('ollama-us').stats().active).toBe(0))
    await atRest(redisUrl)
  })

  it('a change of a tenant’s tier is in force at the next call on both, without waiting for a cache', async () => {
    const tenant = await stack.addTenant({ tier: 'free' })
    expect((await inTurn(2, tenant)).map(({ status }) => status)).toEqual([403, 403])
    expect((await inTurn(2, tenant, { model: 'phi3' })).map(({ status }) => status)).toEqual([200, 200])
    const { rows } = await stack.owner.query(`UPDATE tenant SET tier = 'premium', auth_epoch = auth_epoch + 1 WHERE id = $1 RETURNING bucket, auth_epoch::int AS epoch`, [tenant.id])
    await stack.gateways[0]!.get(LimitsService).raiseEpoch(rows[0].bucket, tenant.id, rows[0].epoch)
    const answers = await inTurn(2, tenant, { model: 'phi3' })
    expect(answers.map(({ headers }) => headers.get('x-ratelimit-limit-requests'))).toEqual(['600', '600'])
    expect((await inTurn(2, tenant)).map(({ status }) => status)).toEqual([200, 200])
  })

  it('200: max_tokens above the tier’s is lowered, with a warning', async () => {
    await setTier(stack, 'short', { maxOutput: 7 })
    const body = (await (await ask(0, await stack.addTenant({ tier: 'short' }), { max_tokens: 100 })).json()) as { warnings: string[]; usage: object; finish_reason: string }
    expect(body).toMatchObject({ finish_reason: 'length', usage: { completion_tokens: 7 } })
    expect(body.warnings).toEqual(expect.arrayContaining([expect.stringMatching(/max_tokens was lowered from 100 to 7.*short tier/)]))
  })
})
