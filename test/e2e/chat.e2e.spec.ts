import { picoFromDecimal } from '../../libs/kernel'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { yesterday } from '../support/books'
import { eventsIn } from './evidence'

describe.each(redisTargets())('POST /chat on $kind', ({ url }) => {
  let stack: Stack
  let tenant: SeededTenant

  beforeAll(async () => {
    stack = await startStack({ redisUrl: url })
    tenant = await stack.addTenant()
  })
  afterAll(() => stack.stop())

  it('200: answers with every field of the contract and the headers that say who served', async () => {
    const response = await stack.post('/chat', tenant.key, { message: 'one two three', model: 'llama3.2' })
    expect(response.status).toBe(200)
    const body = await response.json()
    expect(body).toEqual({
      response: 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10',
      model: 'llama3.2',
      requested_model: 'llama3.2',
      provider: 'ollama',
      region: 'us-east',
      host: 'ollama-us',
      finish_reason: 'stop',
      usage: { prompt_tokens: 6, completion_tokens: 11, total_tokens: 17, cost: '0.000028', currency: 'USD', source: 'provider' },
      duration_ms: expect.any(Number),
      attempts: 1,
      request_id: response.headers.get('x-request-id'),
      warnings: [expect.stringContaining('sandbox')],
    })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-tollgate-model': 'llama3.2',
      'x-tollgate-provider': 'ollama',
      'x-tollgate-region': 'us-east',
      'x-tollgate-host': 'ollama-us',
      'x-tollgate-cost': '0.000028',
      'x-tollgate-attempts': '1',
      'x-ratelimit-limit-requests': '120',
      'x-ratelimit-limit-tokens': '200000',
    })
  })

  it('200: streams deltas, then the summary, then [DONE]', async () => {
    const response = await stack.post('/chat', tenant.key, { message: 'one two three', model: 'llama3.2', stream: true })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const events = eventsIn(await response.text())
    const deltas = events.slice(0, -2).map((event) => (event as { delta: string }).delta)
    expect(deltas.join('')).toBe('w1 w2 w3 w4 w5 w6 w7 w8 w9 w10')
    expect(events.at(-2)).toMatchObject({ done: true, model: 'llama3.2', usage: { prompt_tokens: 6, completion_tokens: 11, cost: '0.000028' } })
    expect(events.at(-2)).not.toHaveProperty('response')
    expect(events.at(-1)).toBe('[DONE]')
  })

  it('200: an alias and a qualified name lead to the model; the reply names both', async () => {
    const alias = await (await stack.post('/chat', tenant.key, { message: 'hi', model: 'fast' })).json()
    expect(alias).toMatchObject({ model: 'phi3', requested_model: 'fast' })
    const qualified = await (await stack.post('/chat', tenant.key, { message: 'hi', model: 'openai:llama3.2' })).json()
    expect(qualified).toMatchObject({ model: 'llama3.2', provider: 'openai', host: 'openai-eu' })
  })

  it('404: an unknown model is named, with the models this caller may use', async () => {
    const response = await stack.post('/chat', tenant.key, { message: 'hi', model: 'nope' })
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: "Model 'nope' not found. Use /models to see available models.", code: 'model_not_found', available_models: ['llama3.2', 'phi3'] })
  })

  it('403: a model outside the tier is refused with what is available, and where', async () => {
    const response = await stack.post('/chat', tenant.key, { message: 'hi', model: 'mistral:7b' })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: 'Model mistral:7b not available in standard tier', available_models: ['llama3.2', 'phi3'], available_in: ['premium', 'enterprise'] })
  })

  it('503: a known model on no live host says when to come back', async () => {
    await stack.owner.query(`INSERT INTO model (name, display_name, origin) VALUES ('llama3.2:90b', 'x', 'operator')`)
    await stack.gateways[0]!.get((await import('../../libs/catalog')).CatalogService).refresh()
    const response = await stack.post('/chat', tenant.key, { message: 'hi', model: 'llama3.2:90b' })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await response.json()).toMatchObject({ error: 'Model llama3.2:90b not available', retry_after: 5 })
  })

  it('403: customer_id is never identity', async () => {
    expect((await stack.post('/chat', tenant.key, { message: 'hi', customer_id: 'somebody-else' })).status).toBe(403)
    expect((await stack.post('/chat', tenant.key, { message: 'hi', customer_id: tenant.slug })).status).toBe(200)
  })

  it('the cost report equals the ledger', async () => {
    await stack.settled()
    const { rows } = await stack.owner.query('SELECT sum(delta_pico)::text AS sum FROM ledger WHERE tenant_id = $1', [tenant.id])
    const report = (await (await fetch(`${stack.url}/cost-report?from=${yesterday()}&group_by=model,host`, { headers: { 'x-api-key': tenant.key } })).json()) as { total: { cost: string; total_requests: number } }
    expect(picoFromDecimal(report.total.cost)).toBe(BigInt(rows[0].sum))
    expect(report.total.total_requests).toBeGreaterThan(0)
  })
})
