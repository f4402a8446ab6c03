import Anthropic, { APIError, AuthenticationError, BadRequestError, NotFoundError, PermissionDeniedError, RateLimitError } from '@anthropic-ai/sdk'
import type { Message, MessageParam, RawMessageStreamEvent, Tool } from '@anthropic-ai/sdk/resources/messages'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'llama3.2'],
  ['openai', 'openai-eu', 'gpt-4o-mini'],
  ['anthropic', 'claude-eu', 'claude-haiku-4-5'],
] as const
const QUESTION: MessageParam[] = [{ role: 'user', content: 'one two' }]
const WORDS = 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'
const WEATHER: Tool = { name: 'get_weather', description: 'Weather of a city', input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }
const MAX = { max_tokens: 1_000 }

describe('the official Anthropic client, unmodified', () => {
  let stack: Stack
  let tenant: SeededTenant
  let client: Anthropic
  const clientOf = ({ key }: Pick<SeededTenant, 'key'>, maxRetries = 0) => new Anthropic({ apiKey: key, baseURL: stack.url, maxRetries })
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'qwen3:8b'], defaults: { gap: 1 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 1 } },
        { name: 'claude-eu', region: 'eu-west', dialect: 'anthropic', models: ['claude-haiku-4-5'], defaults: { gap: 1 } },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    client = clientOf(tenant)
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack.stop())

  const eventsOf = async (stream: AsyncIterable<RawMessageStreamEvent>) => {
    const events: RawMessageStreamEvent[] = []
    for await (const event of stream) events.push(event)
    return events
  }

  describe.each(DIALECTS)('on a host of the %s dialect', (dialect, host, model) => {
    it('gets a whole message with an id of ours, and is billed for it', async () => {
      const answer = await client.messages.create({ ...MAX, model, messages: QUESTION })
      expect(answer).toMatchObject({ id: `msg_${answer._request_id!.replaceAll('-', '')}`, type: 'message', role: 'assistant', model, content: [{ type: 'text', text: WORDS }], stop_reason: 'end_turn', stop_sequence: null })
      expect(answer.usage).toMatchObject({ input_tokens: 5, output_tokens: 11, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, cost: '0.000027' })
      expect(await usageRow(stack.owner, answer._request_id!)).toMatchObject({ prompt_tokens: 5, completion_tokens: 11, amount_pico: 27_000_000n })
    })

    it('streams: the message starts, its block starts, grows and stops, its end and usage follow, it stops', async () => {
      const { data: stream, request_id: rid } = await client.messages.create({ ...MAX, model, messages: QUESTION, stream: true }).withResponse()
      const events = await eventsOf(stream)
      const kinds = events.map(({ type }) => type)
      expect(kinds.filter((type, at) => type !== kinds[at - 1])).toEqual(['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop'])
      expect(events[0]).toMatchObject({ message: { id: `msg_${rid!.replaceAll('-', '')}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, usage: { input_tokens: expect.any(Number), output_tokens: 0 } } })
      expect(events.flatMap((event) => (event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? [event.delta.text] : [])).join('')).toBe(WORDS)
      expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { input_tokens: 5, output_tokens: 11, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 } })
      expect(await usageRow(stack.owner, rid!)).toMatchObject({ prompt_tokens: 5, completion_tokens: 11 })
    })

    it('the stream helper puts the same message together', async () => {
      const answer = await client.messages.stream({ ...MAX, model, system: 'be brief', messages: QUESTION }).finalMessage()
      expect(answer).toMatchObject({ role: 'assistant', content: [{ type: 'text', text: WORDS }], stop_reason: 'end_turn', usage: { input_tokens: dialect === 'anthropic' ? 7 : 10, output_tokens: 11 } })
    })

    it.each([false, true])('calls a tool and answers with its result (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('tool')
      const ask = (messages: MessageParam[]): Promise<Message> => (streams ? client.messages.stream({ ...MAX, model, messages, tools: [WEATHER] }).finalMessage() : client.messages.create({ ...MAX, model, messages, tools: [WEATHER], tool_choice: { type: 'auto' } }))
      const first = await ask(QUESTION)
      expect(first).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', id: expect.stringMatching(/.+/), name: 'get_weather', input: { city: 'Paris' } }] })
      const [call] = first.content as { id: string }[]
      const second = await ask([...QUESTION, { role: 'assistant', content: first.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: call!.id, content: [{ type: 'text', text: '21 degrees' }] }, { type: 'text', text: 'so?' }] }])
      expect(second).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text: expect.stringMatching(/w1/) }] })
      const sent = JSON.stringify(stack.sandbox.host(host).log().at(-1)!.body)
      for (const word of ['21 degrees', 'Paris', 'so?']) expect(sent).toContain(word)
      await atRest(redisUrl)
    })

    it.each([false, true])('calls two tools at once, each in a block of its own (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('tool-parallel')
      const tools = [WEATHER, { ...WEATHER, name: 'get_time' }]
      const answer = streams ? await client.messages.stream({ ...MAX, model, messages: QUESTION, tools }).finalMessage() : await client.messages.create({ ...MAX, model, messages: QUESTION, tools })
      expect(answer.content).toMatchObject([{ type: 'tool_use', name: 'get_weather', input: { city: 'Paris' } }, { type: 'tool_use', name: 'get_time', input: { city: 'Rome' } }])
      expect(new Set(answer.content.map((block) => (block as { id: string }).id)).size).toBe(2)
    })

    it.each([false, true])('says max_tokens when the limit cut it (stream: %s)', async (streams) => {
      const body = { model, messages: QUESTION, max_tokens: 4 }
      const answer = streams ? await client.messages.stream(body).finalMessage() : await client.messages.create(body)
      expect(answer).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 4 } })
    })

    it.each(['eof-mid', 'reset-mid'])('an answer that breaks throws, and never looks complete (%s)', async (fault) => {
      await stack.sandbox.host(host).set(fault)
      const seen: RawMessageStreamEvent[] = []
      const thrown: unknown = await (async () => {
        for await (const event of await client.messages.create({ ...MAX, model, messages: QUESTION, stream: true })) seen.push(event)
      })().then(() => null, (error: unknown) => error)
      expect(thrown).toBeInstanceOf(APIError)
      expect(thrown).toMatchObject({ type: 'api_error', error: { type: 'error', error: { type: 'api_error', code: 'stream_incomplete' }, request_id: expect.any(String) } })
      expect(seen.map(({ type }) => type)).not.toEqual(expect.arrayContaining(['message_stop']))
      expect(seen.map(({ type }) => type)).not.toEqual(expect.arrayContaining(['message_delta']))
      await atRest(redisUrl)
    })

    it.each([false, true])('stops the upstream within a second when the caller aborts (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('ok;words=1000;gap=20')
      const leave = new AbortController()
      const pending = client.messages.create({ ...MAX, model, messages: QUESTION, stream: streams as true }, { signal: leave.signal })
      const ended = (async () => {
        for await (const _event of await pending) leave.abort()
      })().catch(() => undefined)
      await eventually(() => expect(stack.sandbox.host(host).stats().active + stack.sandbox.host(host).stats().aborted).toBe(1))
      leave.abort()
      await eventually(() => expect(stack.sandbox.host(host).stats()).toMatchObject({ active: 0, aborted: 1 }), { timeoutMs: 1_000 })
      await ended
      await atRest(redisUrl)
    })
  })

  it.each([false, true])('gives thinking as a block of its own before the answer, and takes it back (stream: %s)', async (streams) => {
    const ask = (messages: MessageParam[]): Promise<Message> => {
      const body = { max_tokens: 2_000, model: 'qwen3:8b', messages, thinking: { type: 'enabled' as const, budget_tokens: 1_024 } }
      return streams ? client.messages.stream(body).finalMessage() : client.messages.create(body)
    }
    await stack.sandbox.host('ollama-us').set('think')
    const answer = await ask(QUESTION)
    expect(answer.content).toMatchObject([{ type: 'thinking', thinking: expect.stringMatching(/\w/), signature: '' }, { type: 'text', text: expect.stringMatching(/w1/) }])
    expect((stack.sandbox.host('ollama-us').log().at(-1)!.body as { think?: unknown }).think).toBe('low')
    expect((await ask([...QUESTION, { role: 'assistant', content: answer.content }, { role: 'user', content: 'three' }])).stop_reason).toBe('end_turn')
    const { messages } = stack.sandbox.host('ollama-us').log().at(-1)!.body as { messages: { thinking?: string }[] }
    expect(messages[1]!.thinking).toBe((answer.content[0] as { thinking: string }).thinking)
  })

  it.each([false, true])('Anthropic’s own thoughts keep their signature, there and back, and go to nobody else (stream: %s)', async (streams) => {
    const ask = (model: string, messages: MessageParam[]): Promise<Message> => {
      const body = { max_tokens: 2_000, model, messages, thinking: { type: 'enabled' as const, budget_tokens: 1_024 } }
      return streams ? client.messages.stream(body).finalMessage() : client.messages.create(body)
    }
    await stack.sandbox.host('claude-eu').set('think')
    const { content } = await ask('claude-haiku-4-5', QUESTION)
    expect(content).toMatchObject([{ type: 'thinking', thinking: expect.stringContaining('weighing'), signature: 'c2FuZGJveA==' }, { type: 'text', text: WORDS }])
    const redacted = { type: 'redacted_thinking' as const, data: 'cmVkYWN0ZWQ=' }
    const history: MessageParam[] = [...QUESTION, { role: 'assistant', content: [redacted, ...content] }, { role: 'user', content: 'so?' }]
    await ask('claude-haiku-4-5', history)
    const sent = (host: string) => stack.sandbox.host(host).log().at(-1)!.body as { messages: { content: unknown }[] }
    expect(sent('claude-eu').messages[1]!.content).toEqual([redacted, { type: 'thinking', thinking: (content[0] as { thinking: string }).thinking, signature: 'c2FuZGJveA==' }, { type: 'text', text: WORDS }])
    for (const [host, model] of [['ollama-us', 'qwen3:8b'], ['openai-eu', 'gpt-4o-mini']] as const) {
      await ask(model, history)
      expect(JSON.stringify(sent(host))).not.toMatch(/c2FuZGJveA|cmVkYWN0ZWQ|sealed/)
    }
  })

  it('leaves cached tokens out of input_tokens and tells them beside it', async () => {
    await stack.sandbox.host('openai-eu').set('ok-cached')
    const { usage } = await client.messages.create({ ...MAX, model: 'gpt-4o-mini', messages: QUESTION })
    expect(usage).toMatchObject({ input_tokens: 1, cache_read_input_tokens: 4, cache_creation_input_tokens: 0 })
  })

  it('shows images to the model, and tells what it cannot', async () => {
    const content = (source: object) => [{ role: 'user' as const, content: [{ type: 'image', source }, { type: 'text', text: 'what is it' }] }] as MessageParam[]
    await client.messages.create({ ...MAX, model: 'gpt-4o-mini', messages: content({ type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' }) })
    expect(JSON.stringify(stack.sandbox.host('openai-eu').log().at(-1)!.body)).toContain('data:image/png;base64,iVBORw0KGgo=')
    await client.messages.create({ ...MAX, model: 'gpt-4o-mini', messages: content({ type: 'url', url: 'https://example.org/a.png' }) })
    expect(JSON.stringify(stack.sandbox.host('openai-eu').log().at(-1)!.body)).toContain('https://example.org/a.png')
    const refused: unknown = await client.messages.create({ ...MAX, model: 'gpt-4o-mini', messages: content({ type: 'file', file_id: 'f' }) }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(BadRequestError)
    expect((refused as APIError).message).toContain('messages.0.content.0')
  })

  it('lists models and finds one, in the shape its client reads', async () => {
    const models = []
    for await (const model of client.models.list()) models.push(model)
    expect(models.map(({ id }) => id).sort()).toEqual(['claude-haiku-4-5', 'gpt-4o-mini', 'llama3.2', 'qwen3:8b'])
    expect(await client.models.retrieve('qwen3:8b')).toMatchObject({ type: 'model', id: 'qwen3:8b', display_name: 'qwen3:8b', created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) })
    await expect(client.models.retrieve('nope')).rejects.toBeInstanceOf(NotFoundError)
  })

  it('a host of Anthropic’s own dialect hears its own words again', async () => {
    const [text, image] = [{ type: 'text' as const, text: 'what is it' }, { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png' as const, data: 'AA==' } }]
    await stack.sandbox.host('claude-eu').set('tool')
    await client.messages.create({ ...MAX, model: 'claude-haiku-4-5', system: 'be brief', messages: [{ role: 'user', content: [image, text] }], tools: [WEATHER], tool_choice: { type: 'any', disable_parallel_tool_use: true }, stop_sequences: ['END'], ...({ top_k: 5 } as object) })
    expect(stack.sandbox.host('claude-eu').log().at(-1)).toMatchObject({ path: '/v1/messages', body: { ...MAX, model: 'claude-haiku-4-5', system: 'be brief', messages: [{ role: 'user', content: [image, text] }], tools: [WEATHER], tool_choice: { type: 'any', disable_parallel_tool_use: true }, stop_sequences: ['END'], top_k: 5 } })
  })

  it('counts tokens by estimate: no call to a host, no bill, but a key and a model it may use', async () => {
    const sent = stack.sandbox.hosts.map((host) => host.stats().requests)
    const { input_tokens: few } = await client.messages.countTokens({ model: 'llama3.2', messages: QUESTION })
    const { input_tokens: more } = await client.messages.countTokens({ model: 'llama3.2', messages: QUESTION, system: 'be brief', tools: [WEATHER] })
    expect(few).toBeGreaterThanOrEqual(2)
    expect(more).toBeGreaterThan(few + 10)
    expect(stack.sandbox.hosts.map((host) => host.stats().requests)).toEqual(sent)
    await expect(client.messages.countTokens({ model: 'nope', messages: QUESTION })).rejects.toBeInstanceOf(NotFoundError)
    await expect(clientOf({ key: 'tg_live_wrong' }).messages.countTokens({ model: 'llama3.2', messages: QUESTION })).rejects.toBeInstanceOf(AuthenticationError)
  })

  it('throws its own classes, with our sentence in Anthropic’s envelope', async () => {
    const thrown = async (from: Anthropic, model: string, more: object = {}) => from.messages.create({ ...MAX, model, messages: QUESTION, ...more }).then(() => null, (error: unknown) => error)
    const wrong = await thrown(clientOf({ key: 'tg_live_wrong' }), 'llama3.2')
    expect(wrong).toBeInstanceOf(AuthenticationError)
    expect(wrong).toMatchObject({ status: 401, type: 'authentication_error', requestID: expect.stringMatching(/^[0-9a-f-]{36}$/), error: { type: 'error', error: { type: 'authentication_error', code: 'invalid_api_key', message: expect.stringContaining('Invalid API key') } } })
    expect((wrong as { error: { request_id: string } }).error.request_id).toBe((wrong as APIError).requestID)
    const foreign = await thrown(clientOf(await stack.addTenant({ tier: 'free' })), 'llama3.2')
    expect(foreign).toBeInstanceOf(PermissionDeniedError)
    expect(foreign).toMatchObject({ status: 403, type: 'permission_error', error: { error: { code: 'model_not_allowed' } } })
    const missing = await thrown(client, 'nope')
    expect(missing).toBeInstanceOf(NotFoundError)
    expect(missing).toMatchObject({ status: 404, type: 'not_found_error', requestID: expect.any(String), error: { error: { message: expect.stringContaining("'nope' not found"), available_models: expect.arrayContaining(['llama3.2']) } } })
    const bad = await thrown(client, 'llama3.2', { max_tokens: undefined })
    expect(bad).toBeInstanceOf(BadRequestError)
    expect(bad).toMatchObject({ status: 400, type: 'invalid_request_error', error: { error: { param: 'max_tokens' } } })
    await stack.sandbox.host('ollama-us').set('http500')
    expect(await thrown(client, 'llama3.2')).toMatchObject({ status: 502, type: 'api_error' })
    const elsewhere = await stack.post('/v1/messages/batches', tenant.key, {})
    expect([elsewhere.status, await elsewhere.json()]).toEqual([404, expect.objectContaining({ type: 'error', error: expect.objectContaining({ type: 'not_found_error' }) })])
  })

  it('waits as told and tries again after 429, but not when waiting is pointless', async () => {
    const busy = await stack.addTenant({ tier: 'enterprise', key: { parallel: 1 } })
    await stack.sandbox.host('ollama-us').set('ok;words=1000;gap=20')
    const held = await clientOf(busy).messages.create({ ...MAX, model: 'llama3.2', messages: QUESTION, stream: true })
    const ask = (maxRetries: number) => clientOf(busy, maxRetries).messages.create({ ...MAX, model: 'llama3.2', messages: QUESTION })
    const refused = (await ask(0).catch((error: unknown) => error)) as RateLimitError
    expect(refused).toBeInstanceOf(RateLimitError)
    expect(refused).toMatchObject({ status: 429, type: 'rate_limit_error', error: { error: { code: 'concurrency_limit_exceeded' } } })
    expect(refused.headers.get('retry-after')).toBe('1')
    const retried = ask(2)
    held.controller.abort()
    await stack.sandbox.host('ollama-us').set('ok')
    expect((await retried).stop_reason).toBe('end_turn')
    const spent = await stack.addTenant({ tier: 'enterprise', budgetPico: 1_000_000n })
    let asked = 0
    const counting = new Anthropic({ apiKey: spent.key, baseURL: stack.url, maxRetries: 2, fetch: (...call) => (asked++, fetch(...call)) })
    const broke = (await counting.messages.create({ ...MAX, model: 'llama3.2', messages: QUESTION }).catch((error: unknown) => error)) as RateLimitError
    expect(broke).toMatchObject({ status: 429, type: 'rate_limit_error', error: { error: { code: 'budget_exceeded' } } })
    expect(broke.headers.get('x-should-retry')).toBe('false')
    expect(asked).toBe(1)
  })

  it('tolerates what coding agents send: Bearer, beta query, headers and fields, any version or none', async () => {
    const body = { ...MAX, model: 'llama3.2', messages: [{ role: 'user', content: [{ type: 'text', text: 'one two', cache_control: { type: 'ephemeral' } }] }], metadata: { user_id: 'u' }, context_management: { edits: [] }, thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }
    const kinds: Record<string, string>[] = [{}, { 'anthropic-version': '2099-01-01' }, { 'anthropic-version': 'x', 'anthropic-beta': 'a,b' }]
    for (const headers of kinds) {
      const response = await stack.post('/v1/messages?beta=true', tenant.key, body, headers)
      expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ type: 'message', stop_reason: 'end_turn' })])
    }
    const agent = new Anthropic({ apiKey: null, authToken: tenant.key, baseURL: stack.url, maxRetries: 0 })
    const answer = await agent.beta.messages.create({ ...MAX, model: 'llama3.2', messages: [{ role: 'user', content: 'one two' }], betas: ['context-1m-2025-08-07'], tools: [{ type: 'web_search_20250305', name: 'web_search' }] })
    expect(answer).toMatchObject({ content: [{ text: WORDS }], warnings: expect.arrayContaining([expect.stringContaining('web_search_20250305')]) })
  })

  it.each([false, true])('says who served, what is left, and pings (stream: %s)', async (stream) => {
    const response = await stack.post('/v1/messages', tenant.key, { ...MAX, model: 'llama3.2', messages: QUESTION, stream })
    const headers = Object.fromEntries(response.headers)
    expect(headers).toMatchObject({ 'x-tollgate-model': 'llama3.2', 'x-tollgate-host': 'ollama-us', 'x-tollgate-region': 'us-east', 'x-tollgate-attempts': '1', 'request-id': headers['x-request-id'] })
    expect(Object.keys(headers)).toEqual(expect.arrayContaining(['x-ratelimit-limit-requests', 'x-ratelimit-remaining-tokens']))
    const text = await response.text()
    if (!stream) return expect(headers['x-tollgate-cost']).toBe('0.000027')
    expect(text).toMatch(/^event: message_start\ndata: .*\n\nevent: ping\ndata: \{"type":"ping"\}\n\nevent: content_block_start\n/)
    expect(text).not.toContain('[DONE]')
    for (const block of text.trim().split('\n\n')) expect(block).toMatch(/^event: (\w+)\ndata: \{"type":"\1"/)
  })
})
