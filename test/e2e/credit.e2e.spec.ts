import { decimalFromPico, picoFromDecimal } from '../../libs/kernel'
import { CatalogService } from '../../libs/catalog'
import { AuthenticationService } from '../../libs/tenants'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { AT_REST, restOf, sumsOf, yesterday } from '../support/books'
import { mostPico } from './money-fixture'

const MAX_TOKENS = 5
const BODY = { message: 'one two three', model: 'phi3', max_tokens: MAX_TOKENS }
const MOST = mostPico(BODY, MAX_TOKENS)
/** What BODY really costs: three words and a message of three tokens, five tokens of output. */
const COST = 6n * 1_000_000n + 5n * 2_000_000n

describe.each(redisTargets())('prepaid credit over two gateways on $kind', ({ url: redisUrl }) => {
  let stack: Stack
  let admin: AdminApp
  let token: string

  beforeAll(async () => {
    stack = await startStack({ redisUrl, gateways: 2, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'tinyllama'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await stack.owner.query(`UPDATE model SET is_free = true WHERE name = 'tinyllama'`)
    for (const gateway of stack.gateways) await gateway.get(CatalogService).refresh()
    admin = await startAdmin({ REDIS_URL: redisUrl, TOLLGATE_KEY_PEPPER: stack.config.TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('billing')
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const call = (method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown, headers?: Record<string, string>) => admin.call(method, `/admin/tenants/${path}`, { token, body, headers })
  const grant = (tenant: SeededTenant, pico: bigint, reason = 'paid') => call('POST', `${tenant.slug}/credit`, { amount: decimalFromPico(pico), reason })
  const ask = async (gateway: number, { key }: SeededTenant, body: object = BODY, path = '/chat') => {
    const response = await fetch(stack.urls[gateway] + path, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    // oxlint-disable-next-line typescript/no-explicit-any -- replies of every surface
    return { status: response.status, headers: response.headers, body: (await response.json()) as any }
  }
  const onBoth = async (tenant: SeededTenant, body: object = BODY) => [(await ask(0, tenant, body)).status, (await ask(1, tenant, body)).status]
  const prepaid = async (pico: bigint | null = null) => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    if (pico !== null) await grant(tenant, pico)
    expect((await call('PATCH', tenant.slug, { billing: 'prepaid' })).body).toMatchObject({ billing: 'prepaid' })
    return tenant
  }

  it('402 without a grant for what costs, on both; what is free is served', async () => {
    const tenant = await prepaid()
    expect(await onBoth(tenant)).toEqual([402, 402])
    expect(await onBoth(tenant, { ...BODY, model: 'tinyllama' })).toEqual([200, 200])
    expect((await call('GET', `${tenant.slug}/credit`)).body).toEqual({ billing: 'prepaid', granted: '0', spent: '0', reserved: '0', balance: '0', currency: 'USD', grants: [], has_more: false, next: null })
  })

  it.each([
    ['/chat', BODY, (body: any) => [body, 'insufficient_credit']],
    ['/v1/chat/completions', { model: 'phi3', messages: [{ role: 'user', content: 'one' }] }, (body: any) => [body.error, 'insufficient_quota']],
    ['/v1/completions', { model: 'phi3', prompt: 'one' }, (body: any) => [body.error, 'insufficient_quota']],
    ['/v1/responses', { model: 'phi3', input: 'one' }, (body: any) => [body.error, 'insufficient_quota']],
    ['/chat/completions', { model: 'phi3', messages: [{ role: 'user', content: 'one' }], stream: true }, (body: any) => [body.error, 'insufficient_quota']],
    ['/api/chat', { model: 'phi3', messages: [{ role: 'user', content: 'one' }] }, (body: any) => [body, 'insufficient_credit']],
  ] as const)('402 on %s names rule, limit, used, reserved and that nothing resets, and tells clients not to retry', async (path, body, errorOf) => {
    const tenant = await prepaid(10n)
    const { status, headers, body: reply } = await ask(0, tenant, body, path)
    expect(status).toBe(402)
    expect(headers.get('x-should-retry')).toBe('false')
    const [error, code] = errorOf(reply)
    expect(error).toMatchObject({ code, rule: 'prepaid credit', limit: '0.00000000001', used: '0', reserved: '0', currency: 'USD', requested: expect.stringMatching(/^0\.0/), resets_at: null })
  })

  it('429 of a budget names rule, limit, used, reserved and reset on /chat and /v1 alike', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico: 10n })
    const denial = { rule: 'tenant budget', limit: '0.00000000001', used: '0', reserved: '0', currency: 'USD', requested: expect.any(String), period: expect.stringMatching(/^month:/), resets_at: expect.stringMatching(/-01T00:00:00\.000Z$/) }
    expect(await ask(0, tenant)).toMatchObject({ status: 429, body: { ...denial, code: 'budget_exceeded' } })
    expect(await ask(0, tenant, { model: 'phi3', messages: [{ role: 'user', content: 'one' }] }, '/v1/chat/completions')).toMatchObject({ status: 429, body: { error: { ...denial, code: 'insufficient_quota', type: 'insufficient_quota' } } })
  })

  it('a grant holds at the very next call on both gateways; what is booked is what the ledger says', async () => {
    const tenant = await prepaid()
    expect(await onBoth(tenant)).toEqual([402, 402])
    expect((await grant(tenant, MOST * 10n, 'invoice 17')).body).toEqual({ id: expect.any(String), amount: decimalFromPico(MOST * 10n), reason: 'invoice 17', granted_by: expect.any(String), granted_at: expect.any(String), currency: 'USD' })
    expect(await onBoth(tenant)).toEqual([200, 200])
    await stack.settled()
    await eventually(async () => {
      const { body } = await call('GET', `${tenant.slug}/credit`)
      expect(body).toMatchObject({ granted: decimalFromPico(MOST * 10n), spent: decimalFromPico(COST * 2n), reserved: '0', balance: decimalFromPico(MOST * 10n - COST * 2n), grants: [{ reason: 'invoice 17' }] })
      expect(picoFromDecimal(body.spent)).toBe(BigInt((await sumsOf(stack.owner, tenant.id)).ledger))
    })
    expect(await restOf(redisUrl, stack.owner)).toEqual(AT_REST)
  })

  it('a hundred calls at once over both spend no more than was granted', async () => {
    const granted = MOST * 12n
    const tenant = await prepaid(granted)
    // So that all of them are there before the first gives back what it did not use.
    await stack.sandbox.host('ollama-us').set('ok;delay=5000')
    const replies = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(i % 2, tenant)))
    await stack.sandbox.host('ollama-us').reset()
    const served = replies.filter(({ status }) => status === 200).length
    expect(served).toBeGreaterThanOrEqual(10)
    expect([...new Set(replies.map(({ status }) => status))].sort()).toEqual([200, 402])
    await stack.settled()
    const spent = BigInt((await sumsOf(stack.owner, tenant.id)).ledger)
    expect(spent).toBe(COST * BigInt(served))
    expect(spent).toBeLessThanOrEqual(granted)
    expect(await onBoth(tenant, { ...BODY, model: 'tinyllama' })).toEqual([200, 200])
  })

  it('what is taken back is gone at the very next call; more than is unspent is 409', async () => {
    const tenant = await prepaid(MOST * 3n)
    expect((await ask(0, tenant)).status).toBe(200)
    await stack.settled()
    await eventually(async () => expect((await call('GET', `${tenant.slug}/credit`)).body.spent).toBe(decimalFromPico(COST)))
    expect(await grant(tenant, -MOST * 3n)).toMatchObject({ status: 409, body: { code: 'credit_not_covered', spent: decimalFromPico(COST) } })
    expect((await grant(tenant, -(MOST * 3n - COST))).status).toBe(201)
    expect(await onBoth(tenant)).toEqual([402, 402])
    expect((await call('GET', `${tenant.slug}/credit`)).body).toMatchObject({ balance: '0', granted: decimalFromPico(COST) })
  })

  it('a budget and credit hold beside each other, and postpaid tenants need none', async () => {
    const tenant = await prepaid(MOST * 100n)
    expect((await call('PATCH', tenant.slug, { max_budget: '0.000000000001' })).status).toBe(200)
    expect(await onBoth(tenant)).toEqual([429, 429])
    expect((await call('PATCH', tenant.slug, { max_budget: null })).status).toBe(200)
    expect(await onBoth(tenant)).toEqual([200, 200])
    await grant(tenant, -MOST * 90n)
    expect((await call('PATCH', tenant.slug, { billing: 'postpaid' })).status).toBe(200)
    expect(await onBoth(tenant, { ...BODY, max_tokens: 50_000 })).toEqual([200, 200])
  })

  it('a change that is told of while a call is between its key and its admission refuses nobody: the record is read anew', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    const authentication = stack.gateways[0]!.get(AuthenticationService, { strict: false })
    const known = await authentication.authenticate(tenant.key)
    if (known.kind !== 'caller') throw new Error('the key is not known')
    await stack.owner.query('UPDATE tenant SET auth_epoch = auth_epoch + 1 WHERE id = $1', [tenant.id])
    authentication.forget(tenant.id)
    expect(await authentication.renew(known.caller)).toMatchObject({ kind: 'caller', caller: { tenant: { authEpoch: known.caller.tenant.authEpoch + 1 } } })
  })

  it('a budget lowered below what is spent refuses the next call, and changes nothing that is booked', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico: MOST * 100n })
    expect(await onBoth(tenant)).toEqual([200, 200])
    await stack.settled()
    const before = await sumsOf(stack.owner, tenant.id)
    expect(before.ledger).toBe(String(COST * 2n))
    expect((await call('PATCH', tenant.slug, { max_budget: decimalFromPico(COST) })).body).toMatchObject({ max_budget: decimalFromPico(COST) })
    expect(await ask(0, tenant)).toMatchObject({ status: 429, body: { code: 'budget_exceeded', limit: decimalFromPico(COST), used: decimalFromPico(COST * 2n), reserved: '0' } })
    expect(await onBoth(tenant)).toEqual([429, 429])
    expect(await onBoth(tenant, { ...BODY, model: 'tinyllama' })).toEqual([200, 200])
    await stack.settled()
    const report = await fetch(`${stack.url}/cost-report?from=${yesterday()}`, { headers: { authorization: `Bearer ${tenant.key}` } })
    const { model_usage: usage } = (await report.json()) as { model_usage: Record<string, { total_requests: number; cost: string }> }
    expect(usage.phi3).toMatchObject({ total_requests: 2, cost: decimalFromPico(COST * 2n) })
    expect(await sumsOf(stack.owner, tenant.id)).toEqual(before)
  })

  it.each(['0', '-0', '0.000', 'NaN', '1e3', '', '--5', '+5', '1.1234567890123', '9999999999', ' 5', 5, null])('400: an amount of %j is refused, naming it', async (amount) => {
    const { slug } = await stack.addTenant()
    const { status, body } = await call('POST', `${slug}/credit`, { amount, reason: 'x' })
    expect([status, body.errors.map((error: { path: string }) => error.path)]).toEqual([400, ['amount']])
  })

  it('a grant repeated under one Idempotency-Key is booked once', async () => {
    const { slug } = await stack.addTenant()
    const once = () => call('POST', `${slug}/credit`, { amount: '5', reason: 'paid' }, { 'idempotency-key': `grant ${slug}`.replace(' ', '-') })
    const [first, again] = [await once(), await once()]
    expect(again.body).toEqual(first.body)
    expect((await call('GET', `${slug}/credit`)).body).toMatchObject({ granted: '5', grants: [{ id: first.body.id }] })
  })

  it('grants are paged, latest first; a tenant with a grant stays', async () => {
    const tenant = await stack.addTenant()
    for (const units of [1n, 2n, 3n]) await grant(tenant, units * 10n ** 12n, `payment ${units}`)
    const first = (await call('GET', `${tenant.slug}/credit?limit=2`)).body
    expect([first.grants.map(({ amount }: { amount: string }) => amount), first.has_more]).toEqual([['3', '2'], true])
    const rest = (await call('GET', `${tenant.slug}/credit?limit=2&after=${first.next}`)).body
    expect([rest.grants.map(({ amount }: { amount: string }) => amount), rest.has_more, rest.granted]).toEqual([['1'], false, '6'])
    const owner = await admin.personToken('owner')
    expect(await admin.call('DELETE', `/admin/tenants/${tenant.slug}`, { token: owner })).toMatchObject({ status: 409, body: { code: 'object_in_use' } })
  })
})
