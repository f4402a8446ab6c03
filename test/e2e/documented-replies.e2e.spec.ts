import { CatalogService } from '../../libs/catalog'
import { dataPlaneDocument } from '../../apps/gateway/src/document/data-plane-document'
import { documented, eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const { url: redisUrl } = redisTargets().at(-1)!
const HOSTS = [
  { name: 'ollama-us', region: 'us-east', dialect: 'ollama' as const, models: ['phi3', 'qwen3:8b', 'nomic-embed-text'], defaults: { gap: 0 } },
  { name: 'openai-eu', region: 'eu-west', dialect: 'openai' as const, models: ['gpt-4o-mini', 'gpt-4o'], defaults: { gap: 0 } },
  { name: 'claude-eu', region: 'eu-west', dialect: 'anthropic' as const, models: ['claude-haiku-4-5'], defaults: { gap: 0 } },
]
const MESSAGES = [{ role: 'user', content: 'one two' }]
const CITY = { type: 'object', properties: { city: { type: 'string' } } }
const TOOLS = [{ type: 'function', function: { name: 'weather', parameters: CITY } }]
const PROJECT = '019a0000-0000-7000-8000-000000000001'
const COMPLETIONS = ['/v1/chat/completions', '/chat/completions', '/v1/projects/{tenant}/{project}/chat/completions']

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
// oxlint-disable-next-line typescript/no-explicit-any -- replies of every shape
type Body = any

describe('what the data plane answers is what its document says', () => {
  const { paths } = dataPlaneDocument()
  const called = new Set<string>()
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: HOSTS, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await stack.owner.query(`INSERT INTO tier (slug, version, name, models, features, max_output_tokens, rpm_limit, tpm_limit, max_parallel_requests, max_budget_pico) VALUES ('panel', 1, 'Panel', '{*}', '{"consensus": 3}', 1000, 1000, 1000000, 100, 1000000000000000)`)
    await stack.owner.query(`UPDATE model SET context_length = 8192, is_free = name = 'gpt-4o' WHERE name <> 'phi3'`)
    await stack.owner.query(`UPDATE model SET size_bytes = 5, details = '{"family": "phi", "format": "gguf", "parameter_size": "4B", "quantization_level": "Q4"}' WHERE name = 'phi3'`)
    await stack.owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, cached_input_pico, cache_write_pico, reasoning_pico, per_request_pico, gpu_second_pico, source) VALUES ('019a0000-0000-7000-8000-000000000002', 'gpt-4o-mini', '2026-02-01', 'USD', 1000000, 2000000, 1, 2, 3, 4, 5000, 'spec')`)
    const { TiersService } = await import('../../libs/tiers')
    for (const gateway of stack.gateways) await Promise.all([gateway.get(TiersService, { strict: false }).refresh(), gateway.get(CatalogService, { strict: false }).refresh()])
    tenant = await stack.addTenant({ tier: 'panel', key: { budgetPico: 10n ** 14n } })
    await stack.owner.query(`INSERT INTO project (id, tenant_id, slug, name) VALUES ($1, $2, 'engineering', 'Engineering')`, [PROJECT, tenant.id])
  })
  beforeEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack?.stop())

  /** Calls an operation by its path in the document. @param more names in the path, a query, a body */
  const call = async (method: Method, path: string, { body, names = {}, query = '' }: { body?: object; names?: Record<string, string>; query?: string } = {}): Promise<Body> => {
    const address = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name]!))
    const response = await fetch(stack.url + address + query, { method, headers: { authorization: `Bearer ${tenant.key}`, ...(body ? { 'content-type': 'application/json' } : {}) }, body: body && JSON.stringify(body) })
    await documented(method, response)
    const text = await response.text()
    expect({ path, status: response.status, text: response.ok ? '' : text }).toEqual({ path, status: method === 'POST' && path === '/v1/conversations' ? 201 : 200, text: '' })
    called.add(`${method} ${path}`)
    return response.headers.get('content-type')!.startsWith('application/json') ? JSON.parse(text) : text
  }
  const post = (path: string, body: object, names = {}) => call('POST', path, { body, names })
  const settledRequest = async (id: string) => {
    await stack.settled()
    return eventually(() => call('GET', '/v1/requests/{id}', { names: { id } }))
  }
  const explained = (id: string): Promise<Body> =>
    eventually(async () => {
      const found = await call('GET', '/v1/requests/{id}/explain', { names: { id } })
      if (found.decision === null) throw new Error('the decision is not written yet')
      return found
    })
  const names = () => ({ tenant: tenant.slug, project: 'engineering' })

  it('of /chat, by name, by rules, and of a panel', async () => {
    expect(await post('/chat', { message: 'hi', model: 'phi3', options: { num_ctx: 5 } })).toMatchObject({ model: 'phi3', warnings: expect.any(Array) })
    expect(await post('/chat', { message: 'hi', model: 'qwen3:8b', max_tokens: 1 })).toMatchObject({ finish_reason: 'length' })
    await stack.sandbox.host('openai-eu').set('ok-cached')
    expect(await post('/chat', { message: 'hi', model: 'gpt-4o-mini' })).toMatchObject({ usage: { cached_tokens: expect.any(Number) } })
    expect(await post('/chat/smart', { message: 'please debug it', rule_set: 'task' })).toMatchObject({ selection: { rule: expect.any(String) } })
    const panel = { message: 'one two', models: ['phi3', 'qwen3:8b', 'gpt-4o-mini'] }
    expect((await post('/chat/consensus', panel)).consensus.method).toBe('vote')
    await stack.sandbox.host('openai-eu').set('http500')
    const judged = await post('/chat/consensus', { ...panel, judge: 'claude-haiku-4-5' })
    expect(judged.consensus.answers.map(({ code }: Body) => code)).toEqual([undefined, undefined, expect.any(String)])
    expect(judged.consensus.judge).toBeDefined()
    expect((await settledRequest(judged.request_id)).children).not.toBeNull()
    expect((await explained(judged.request_id)).decision.consensus).toBeDefined()
    expect((await explained(judged.consensus.judge.request_id)).decision.consensus).toEqual({ role: 'judge', of: judged.request_id })
  })

  it('of OpenAI’s paths: text, several choices, logprobs, thoughts, calls of tools, refusals, cuts', async () => {
    for (const path of COMPLETIONS) {
      await post(path, { model: 'gpt-4o-mini', messages: MESSAGES }, names())
      const odd = await post(path, { model: 'gpt-4o-mini', messages: MESSAGES, n: 2, logprobs: true, top_logprobs: 2, nonsense: 1 }, names())
      expect([odd.choices.length, odd.choices[0].logprobs.content[0].top_logprobs.length, odd.warnings.length]).toEqual([2, 2, expect.any(Number)])
    }
    expect((await post(COMPLETIONS[0]!, { model: 'qwen3:8b', messages: MESSAGES, reasoning_effort: 'high' })).choices[0].message.reasoning_content).toMatch(/\w/)
    await post('/v1/completions', { model: 'gpt-4o-mini', prompt: 'one two', echo: true, n: 2 })
    await stack.sandbox.host('openai-eu').set('think')
    expect((await post('/chat', { model: 'gpt-4o-mini', message: 'one two' })).usage.reasoning_tokens).toBeGreaterThan(0)
    await stack.sandbox.host('openai-eu').reset()
    const legacy = await post('/v1/completions', { model: 'gpt-4o-mini', prompt: 'one two', logprobs: 2 })
    expect(legacy.choices[0].logprobs.tokens.length).toBeGreaterThan(1)
    const responses = async (more: object) => (await post('/v1/responses', { model: 'gpt-4o-mini', input: 'one two', ...more })).output.map(({ type }: Body) => type)
    expect(await responses({ top_logprobs: 2, include: ['message.output_text.logprobs'], instructions: 'be brief', temperature: 0.5, text: { format: { type: 'json_schema', name: 'city', schema: CITY } } })).toEqual(['message'])
    expect(await responses({ model: 'qwen3:8b', reasoning: { effort: 'high' } })).toEqual(['reasoning', 'message'])
    expect(await responses({ max_output_tokens: 1 })).toEqual(['message'])
    await stack.sandbox.host('openai-eu').set('refusal')
    expect((await post(COMPLETIONS[0]!, { model: 'gpt-4o-mini', messages: MESSAGES })).choices[0].message.refusal).toMatch(/\w/)
    expect(await responses({})).toEqual(['message'])
    await stack.sandbox.host('openai-eu').set('tool')
    expect((await post(COMPLETIONS[0]!, { model: 'gpt-4o-mini', messages: MESSAGES, tools: TOOLS })).choices[0].message.tool_calls).toHaveLength(1)
    expect(await responses({ tools: [{ type: 'function', name: 'weather', parameters: CITY }], tool_choice: { type: 'function', name: 'weather' } })).toEqual(['function_call'])
    for (const encoding_format of ['float', 'base64']) await post('/v1/embeddings', { model: 'nomic-embed-text', input: ['one', 'two'], encoding_format })
    expect((await call('GET', '/v1/models')).data.length).toBeGreaterThan(3)
    await call('GET', '/v1/models/{id}', { names: { id: 'gpt-4o-mini' } })
  })

  it('of Anthropic’s paths: text, thoughts, calls of tools, a stop sequence', async () => {
    const typesOf = async (more: object) => (await post('/v1/messages', { model: 'claude-haiku-4-5', max_tokens: 2_000, messages: MESSAGES, ...more })).content.map(({ type }: Body) => type)
    expect(await typesOf({ stop_sequences: ['w4'] })).toEqual(['text'])
    expect(await typesOf({ model: 'phi3', max_tokens: 1 })).toEqual(['text'])
    await stack.sandbox.host('claude-eu').set('think')
    expect(await typesOf({ thinking: { type: 'enabled', budget_tokens: 1_024 } })).toEqual(expect.arrayContaining(['thinking', 'text']))
    await stack.sandbox.host('claude-eu').set('tool')
    expect(await typesOf({ tools: [{ name: 'weather', input_schema: CITY }, { type: 'web_search_20250305', name: 'web_search' }] })).toEqual(['tool_use'])
    await post('/v1/messages/count_tokens', { model: 'phi3', messages: MESSAGES })
  })

  it('of Ollama’s paths', async () => {
    const whole = { model: 'qwen3:8b', stream: false }
    const logprobs = { ...whole, model: 'phi3', logprobs: true, top_logprobs: 2, keep_alive: 5 }
    expect((await post('/api/chat', { ...logprobs, messages: MESSAGES })).logprobs.length).toBeGreaterThan(1)
    expect((await post('/api/generate', { ...logprobs, prompt: 'one two' })).logprobs.length).toBeGreaterThan(1)
    expect((await post('/api/chat', { ...whole, messages: MESSAGES, think: true })).message.thinking).toMatch(/\w/)
    await post('/api/chat', { model: 'phi3', messages: [] })
    await post('/api/generate', { ...whole, prompt: 'one two', think: true })
    await post('/api/generate', { ...whole, model: 'phi3' })
    await stack.sandbox.host('ollama-us').set('tool')
    expect((await post('/api/chat', { ...whole, messages: MESSAGES, tools: TOOLS })).message.tool_calls).toHaveLength(1)
    await post('/api/embed', { model: 'nomic-embed-text', input: ['one', 'two'] })
    await post('/api/embeddings', { model: 'nomic-embed-text', prompt: 'one two' })
    for (const model of ['phi3', 'gpt-4o', 'nomic-embed-text']) await post('/api/show', { model })
    expect((await call('GET', '/api/tags')).models.length).toBeGreaterThan(3)
    for (const path of ['/', '/api/ps', '/api/version']) await call('GET', path)
  })

  it('of models and providers, before and after calls', async () => {
    await stack.settled()
    const { models } = await call('GET', '/models')
    expect(models.map(({ price }: Body) => price)).toEqual(expect.arrayContaining([{ free: true }, expect.objectContaining({ input_per_million: '1' }), expect.objectContaining({ reasoning_per_million: '0.000003', per_request: '0.000000000004' })]))
    expect(models.map(({ size }: Body) => size)).toEqual(expect.arrayContaining([5, null]))
    expect(models.some(({ stats }: Body) => stats.requests > 0)).toBe(true)
    await call('POST', '/v1/providers/health-check')
    expect((await call('GET', '/v1/providers')).data[0].last_check).not.toBeNull()
    await call('GET', '/v1/providers/{provider}/models', { names: { provider: 'ollama' } })
  })

  it('of conversations, from the first word to the last', async () => {
    const { id } = await post('/v1/conversations', { model: 'phi3', title: 'A talk', system: 'be brief', project: 'engineering', allowed_regions: ['us-east', 'eu-west'] })
    await post('/v1/conversations', {})
    for (const message of ['hi', 'and now']) expect((await post('/chat', { message, conversation_id: id })).conversation_id).toBe(id)
    await post('/chat', { messages: [{ role: 'user', content: [{ type: 'text', text: 'three' }] }], conversation_id: id })
    expect((await call('GET', '/v1/conversations', { query: '?limit=1' })).next).not.toBeNull()
    expect((await call('GET', '/v1/conversations')).next).toBeNull()
    expect((await call('GET', '/v1/conversations/{id}/turns', { names: { id } })).next).toBeNull()
    expect((await call('GET', '/v1/conversations/{id}', { names: { id } })).turns).toBe(3)
    expect((await call('GET', '/v1/conversations/{id}/turns', { names: { id }, query: '?limit=1' })).next).toBe(1)
    expect((await call('GET', '/v1/conversations/{id}/export', { names: { id } })).turns).toHaveLength(3)
    expect((await call('PATCH', '/v1/conversations/{id}', { names: { id }, body: { model: 'gpt-4o-mini' } })).ok).toBe(true)
    await call('DELETE', '/v1/conversations/{id}', { names: { id } })
    expect(await call('DELETE', '/v1/conversations', { query: '?all=true' })).toEqual({ deleted: 1 })
  })

  it('of one request: record, receipt, decision; and of one that would be', async () => {
    const served = await post('/chat/smart', { message: 'hello there', rule_set: 'complexity', project: 'engineering' })
    const record = await settledRequest(served.request_id)
    expect([record.price.free, record.ledger.length, record.attempts.length, typeof record.raw_usage]).toEqual([false, 1, 1, 'object'])
    const dear = await post('/chat', { message: 'hi', model: 'gpt-4o-mini' })
    expect((await settledRequest(dear.request_id)).price).toMatchObject({ gpu_second: '0.000000005', cache_write_per_million: '0.000002' })
    await call('GET', '/v1/requests/{id}/receipt', { names: { id: served.request_id } })
    expect((await explained(served.request_id)).decision.limits).toMatchObject({ requests: { limit: 1000 }, budgets: [{}, {}] })
    const refused = await stack.post('/chat', tenant.key, { message: 'hi', model: 'gone' })
    expect(await explained(refused.headers.get('x-request-id')!)).toMatchObject({ record: null, decision: { refusal: { status: 404 } } })
    expect((await post('/v1/explain', { message: 'hi', model: 'phi3' })).would).toBe('be_served')
    expect((await post('/v1/explain', { message: 'hi', model: 'gone' })).would).toBe('be_refused')
    expect((await call('GET', '/.well-known/jwks.json')).keys).toHaveLength(1)
  })

  it('of the cost report: whole, by groups, in pages, as a table', async () => {
    await stack.settled()
    expect(Object.keys((await call('GET', '/cost-report')).model_usage).length).toBeGreaterThan(3)
    const groups = '?group_by=model,project,api_key,region,provider,host,day,hour'
    expect((await call('GET', '/cost-report', { query: groups })).groups.length).toBeGreaterThan(3)
    expect((await call('GET', '/cost-report', { query: `${groups}&limit=2` })).next).not.toBeNull()
    expect(await call('GET', '/cost-report', { query: '?format=csv' })).toContain('total_requests')
    expect((await call('GET', '/v1/limits')).limits[0].requests_per_minute.used).toBeGreaterThan(0)
    expect((await call('GET', '/v1/usage')).today.total_requests).toBeGreaterThan(3)
  })

  it('of refusals, in the words of each client', async () => {
    for (const [path, body] of Object.entries({ '/chat': { message: 'hi' }, '/chat/completions': { messages: MESSAGES }, '/v1/chat/completions': { messages: MESSAGES }, '/v1/messages': { messages: MESSAGES, max_tokens: 5 }, '/api/chat': { messages: MESSAGES } })) {
      expect((await stack.post(path, tenant.key, { ...body, model: 'gone' })).ok).toBe(false)
      expect((await stack.post(path, 'tg_live_nobody', body)).status).toBe(401)
      expect((await stack.post(path, tenant.key, { ...body, messages: 5 })).status).toBe(400)
      expect((await stack.post(path, tenant.key, body, { 'content-encoding': 'gzip' })).status).toBe(415)
    }
  })

  it('and nothing that it describes was left uncalled', () => {
    const all = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))
    expect(all.filter((operation) => !called.has(operation))).toEqual([])
  })
})
