import { picoFromDecimal } from '../../libs/kernel'
import { CatalogService } from '../../libs/catalog'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { AT_REST, restOf, sumsOf } from '../support/books'
import { eventsIn, usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!

describe('the price of a call', () => {
  let stack: Stack
  let tenant: SeededTenant
  let count = 0
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    // The stack's own price for all models is in the way of having none; it cannot be removed, so a tenant of another currency.
    tenant = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`UPDATE tenant SET currency = 'EUR' WHERE id = $1`, [tenant.id])
  })
  afterAll(() => stack.stop())

  /** A row in euros, known to the gateway when it resolves. */
  async function addPrice(model: string, row: Record<string, unknown> = {}): Promise<string> {
    count += 1
    const id = `019a0000-0000-7000-8000-${String(count).padStart(12, '0')}`
    const columns = { id, model, effective_at: '2026-01-01T00:00:00Z', currency: 'EUR', input_pico: 5, output_pico: 7, source: 'spec', ...row }
    await stack.owner.query(`INSERT INTO price (${Object.keys(columns).join(', ')}) VALUES (${Object.keys(columns).map((_, i) => `$${i + 1}`).join(', ')})`, Object.values(columns))
    await stack.gateways[0]!.get(CatalogService).refresh()
    return id
  }
  const chat = (model: string, body: object = {}) => stack.post('/chat', tenant.key, { message: 'one two three', model, ...body })
  const costOf = async (response: Response) => ((await response.clone().json()) as { usage: { cost: string } }).usage.cost
  const rowOf = async (response: Response) => {
    const rid = response.headers.get('x-request-id')!
    const row = await usageRow(stack.owner, rid)
    const { rows } = await stack.owner.query('SELECT price_id FROM usage WHERE rid = $1', [rid])
    return { ...row, price_id: rows[0].price_id as string | null }
  }

  it('is refused where there is none, and nothing is dispatched; money of another currency is none', async () => {
    const response = await chat('a')
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'price_missing' })
    await addPrice('a', { currency: 'CHF' })
    await addPrice('a', { effective_at: '2100-01-01T00:00:00Z' })
    await addPrice('a', { region: 'eu-west' })
    await addPrice('a', { provider: 'openai' })
    await addPrice('a', { tier: 'free' })
    expect((await chat('a')).status).toBe(503)
    expect(stack.sandbox.host('ollama-us').log()).toEqual([])
  })

  it('of nothing is a price; a model marked free needs none', async () => {
    const id = await addPrice('b', { input_pico: 0, output_pico: 0 })
    const zero = await chat('b')
    expect([zero.status, await costOf(zero)]).toEqual([200, '0'])
    expect(await rowOf(zero)).toMatchObject({ amount_pico: 0n, price_id: id, completion_tokens: 11 })
    await stack.owner.query(`UPDATE model SET is_free = true WHERE name = 'a'`)
    await stack.gateways[0]!.get(CatalogService).refresh()
    const free = await chat('a')
    expect([free.status, await costOf(free)]).toEqual([200, '0'])
    expect(await rowOf(free)).toMatchObject({ amount_pico: 0n, price_id: null })
  })

  it('is that of the row in force when it was admitted, whatever supersedes it in mid-call', async () => {
    const first = await addPrice('c')
    await stack.sandbox.host('ollama-us').set('ok;words=40;gap=25')
    const running = await chat('c', { stream: true })
    const reader = running.body!.getReader()
    await reader.read()
    const second = await addPrice('c', { input_pico: 5_000, output_pico: 7_000, effective_at: '2026-02-01T00:00:00Z' })
    const other = chat('c')
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += Buffer.from(part.value).toString()
    const row = await rowOf(running)
    expect(text).toContain('"cost":"0.000000000317"')
    expect(row).toMatchObject({ price_id: first, prompt_tokens: 6, completion_tokens: 41, amount_pico: 6n * 5n + 41n * 7n })
    expect(await rowOf(await other)).toMatchObject({ price_id: second, amount_pico: 6n * 5_000n + 41n * 7_000n })
    await stack.sandbox.host('ollama-us').reset()
  })

  it('counts every class the provider names, the fee, and the milliseconds on the GPU', async () => {
    const id = await addPrice('d', { per_request_pico: 1_000_000, gpu_second_pico: 3_000_000_000 })
    const response = await chat('d')
    const row = await rowOf(response)
    const { rows } = await stack.owner.query('SELECT duration_ms FROM provider_cost WHERE rid = $1', [row.rid])
    expect(rows[0].duration_ms).toBeGreaterThan(0)
    expect(row).toMatchObject({ price_id: id, amount_pico: 6n * 5n + 11n * 7n + 1_000_000n + BigInt(rows[0].duration_ms) * 3_000_000n })
    expect(picoFromDecimal(await costOf(response))).toBe(row.amount_pico)
  })

  it('reserves for the longest an attempt may take, so that time on the GPU cannot pass a budget', async () => {
    await addPrice('e', { input_pico: 0, output_pico: 0, gpu_second_pico: 1_000_000_000 })
    const poor = await stack.addTenant({ tier: 'enterprise', budgetPico: 1_000_000_000n * 900n - 1n })
    const rich = await stack.addTenant({ tier: 'enterprise', budgetPico: 1_000_000_000n * 900n })
    await stack.owner.query(`UPDATE tenant SET currency = 'EUR' WHERE id = ANY ($1)`, [[poor.id, rich.id]])
    const codeOf = async (key: string) => ((await (await stack.post('/chat', key, { message: 'hi', model: 'e' })).json()) as { code?: string }).code ?? 'served'
    expect([await codeOf(poor.key), await codeOf(rich.key)]).toEqual(['budget_exceeded', 'served'])
  })

  it('that a row of the ledger could not hold is refused before anything is dispatched; one that it just holds is not', async () => {
    await addPrice('f', { input_pico: 0, output_pico: 10n ** 13n })
    const before = stack.sandbox.host('ollama-us').log().length
    for (const body of [{ max_tokens: 10_001 }, { max_tokens: 10_001, stream: true }]) {
      const response = await chat('f', body)
      expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ code: 'request_too_costly', limit: '100000', requested: '100010', currency: 'EUR', error: 'This request may cost up to 100010 EUR, and one request may cost no more than 100000. Ask for a shorter answer or send less.' })])
    }
    expect(stack.sandbox.host('ollama-us').log()).toHaveLength(before)
    expect((await chat('f', { max_tokens: 10_000 })).status).toBe(200)
  })

  it('that an upstream counted beyond that is the most there is: served, flagged, and the books balance', async () => {
    await addPrice('g', { input_pico: 0, output_pico: 10n ** 9n })
    const liedTo = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`UPDATE tenant SET currency = 'EUR' WHERE id = $1`, [liedTo.id])
    await stack.sandbox.host('ollama-us').set('usage-wrong;kind=most')
    const whole = await stack.post('/chat', liedTo.key, { message: 'one', model: 'g' })
    expect([whole.status, await whole.json()]).toEqual([200, expect.objectContaining({ usage: expect.objectContaining({ completion_tokens: 10 ** 9, cost: '100000' }) })])
    const streamed = await stack.post('/chat', liedTo.key, { message: 'one', model: 'g', stream: true })
    expect(eventsIn(await streamed.text()).slice(-2)).toEqual([expect.objectContaining({ done: true, usage: expect.objectContaining({ cost: '100000' }) }), '[DONE]'])
    for (const response of [whole, streamed]) expect(await rowOf(response)).toMatchObject({ amount_pico: 10n ** 17n, completion_tokens: 10 ** 9, flags: expect.arrayContaining(['charge_capped']) })
    await stack.settled()
    const most = String(2n * 10n ** 17n)
    expect(await sumsOf(stack.owner, liedTo.id)).toEqual({ usage: most, ledger: most, hourly: most, daily: most })
    await eventually(async () => expect(await restOf(redisUrl, stack.owner)).toEqual(AT_REST), { timeoutMs: 10_000 })
    await stack.sandbox.host('ollama-us').reset()
  })
})
