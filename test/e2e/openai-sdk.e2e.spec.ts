import OpenAI, { AuthenticationError, BadRequestError, NotFoundError, PermissionDeniedError, RateLimitError } from 'openai'
import type { ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'
import { chatChunk, chatCompletion, errorBody, model as modelShape, modelList } from './openai-shapes'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'llama3.2'],
  ['openai', 'openai-eu', 'gpt-4o-mini'],
] as const
const QUESTION: ChatCompletionMessageParam[] = [{ role: 'user', content: 'one two' }]
const WEATHER: ChatCompletionTool = { type: 'function', function: { name: 'get_weather', description: 'Weather of a city', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }

describe('the official OpenAI client, unmodified', () => {
  let stack: Stack
  let tenant: SeededTenant
  let client: OpenAI
  const clientOf = ({ key }: Pick<SeededTenant, 'key'>, maxRetries = 0) => new OpenAI({ apiKey: key, baseURL: `${stack.url}/v1`, maxRetries })
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'acme/deep/model:7b'], defaults: { gap: 1 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 1 } },
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

  const chunksOf = async (stream: AsyncIterable<ChatCompletionChunk>) => {
    const chunks: ChatCompletionChunk[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return chunks
  }

  describe.each(DIALECTS)('on a host of the %s dialect', (_dialect, host, model) => {
    it('gets a whole answer with every field that OpenAI’s schema requires', async () => {
      const answer = await client.chat.completions.create({ model, messages: QUESTION })
      chatCompletion.parse(answer)
      expect(answer).toMatchObject({
        id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
        object: 'chat.completion',
        created: expect.any(Number),
        model,
        choices: [{ index: 0, finish_reason: 'stop', logprobs: null, message: { role: 'assistant', content: 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10', refusal: null } }],
        usage: { prompt_tokens: 5, completion_tokens: 11, total_tokens: 16, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 }, cost: '0.000027' },
      })
      expect(answer.choices).toHaveLength(1)
      expect(Math.abs(answer.created * 1000 - Date.now())).toBeLessThan(60_000)
      expect(answer._request_id).toMatch(/^[0-9a-f-]{36}$/)
      expect(await usageRow(stack.owner, answer._request_id!)).toMatchObject({ prompt_tokens: 5, completion_tokens: 11, amount_pico: 27_000_000n })
    })

    it('gets ids of ours, never twice and never the upstream’s', async () => {
      const answers = await Promise.all([1, 2, 3].map(() => client.chat.completions.create({ model, messages: QUESTION })))
      expect(new Set(answers.map(({ id }) => id)).size).toBe(3)
      for (const { id, _request_id: rid } of answers) expect(id).toBe(`chatcmpl-${rid!.replaceAll('-', '')}`)
    })

    it.each([false, true])('streams: one id, one time, one finish reason, [DONE] last (include_usage: %s)', async (includesUsage) => {
      const chunks = await chunksOf(await client.chat.completions.create({ model, messages: QUESTION, stream: true, ...(includesUsage ? { stream_options: { include_usage: true } } : {}) }))
      for (const chunk of chunks) expect(chatChunk.parse(chunk)).toMatchObject({ id: chunks[0]!.id, created: chunks[0]!.created, object: 'chat.completion.chunk', model })
      const choices = chunks.flatMap((chunk) => chunk.choices)
      expect(choices[0]!.delta.role).toBe('assistant')
      expect(choices.map(({ delta }) => delta.content ?? '').join('')).toBe('w1 w2 w3 w4 w5 w6 w7 w8 w9 w10')
      expect(choices.map(({ finish_reason: reason }) => reason).filter(Boolean)).toEqual(['stop'])
      for (const choice of choices) expect(choice).toMatchObject({ index: 0, logprobs: null })
      const usages = chunks.filter(({ usage }) => usage)
      if (!includesUsage) return expect(usages).toEqual([])
      expect(usages).toEqual([chunks.at(-1)])
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 11, total_tokens: 16 } })
      for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull()
    })

    it.each([false, true])('calls a tool and answers with its result (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('tool')
      const ask = async (messages: ChatCompletionMessageParam[]) => {
        if (!streams) return (await client.chat.completions.create({ model, messages, tools: [WEATHER] })).choices[0]!
        return (await client.chat.completions.stream({ model, messages, tools: [WEATHER] }).finalChatCompletion()).choices[0]!
      }
      const first = await ask(QUESTION)
      expect(first.index).toBe(0)
      expect(first.finish_reason).toBe('tool_calls')
      expect(first.message.content ?? null).toBeNull()
      const [call] = first.message.tool_calls!
      expect(call).toMatchObject({ type: 'function', id: expect.stringMatching(/.+/), function: { name: 'get_weather' } })
      expect(JSON.parse((call as { function: { arguments: string } }).function.arguments)).toEqual({ city: 'Paris' })
      const second = await ask([...QUESTION, first.message as ChatCompletionMessageParam, { role: 'tool', tool_call_id: call!.id, content: '21 degrees' }])
      expect(second.finish_reason).toBe('stop')
      expect(second.message.content).toMatch(/w1/)
      expect(JSON.stringify(stack.sandbox.host(host).log().at(-1)!.body)).toContain('21 degrees')
      await atRest(redisUrl)
    })

    it.each([false, true])('calls two tools at once, told apart by index (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('tool-parallel')
      const wish = { model, messages: QUESTION, tools: [WEATHER, { ...WEATHER, function: { ...WEATHER.function, name: 'get_time' } }] } as const
      const chunks = streams ? await chunksOf(await client.chat.completions.create({ ...wish, tools: [...wish.tools], stream: true })) : []
      const calls = new Map<number, { id: string; name: string; arguments: string }>()
      for (const { delta } of chunks.map((chunk) => chatChunk.parse(chunk) as ChatCompletionChunk).flatMap(({ choices }) => choices)) {
        for (const { index, id, function: part } of delta.tool_calls ?? []) {
          // A name and an id come once, with the first fragment.
          expect(id === undefined).toBe(calls.has(index))
          const known = calls.get(index) ?? { id: id!, name: part!.name!, arguments: '' }
          calls.set(index, { ...known, arguments: known.arguments + (part?.arguments ?? '') })
        }
      }
      if (!streams) for (const [index, call] of (await client.chat.completions.create({ ...wish, tools: [...wish.tools] })).choices[0]!.message.tool_calls!.entries()) calls.set(index, { id: call.id, ...(call as { function: { name: string; arguments: string } }).function })
      expect([...calls].map(([index, { name, arguments: text }]) => [index, name, JSON.parse(text)])).toEqual([[0, 'get_weather', { city: 'Paris' }], [1, 'get_time', { city: 'Rome' }]])
      expect(new Set([...calls.values()].map(({ id }) => id)).size).toBe(2)
    })

    it.each([false, true])('stops the upstream within a second when the caller aborts (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('ok;words=1000;gap=20')
      const leave = new AbortController()
      const pending = client.chat.completions.create({ model, messages: QUESTION, stream: streams as true }, { signal: leave.signal })
      const ended = (async () => {
        for await (const _chunk of (await pending) as AsyncIterable<unknown>) leave.abort()
      })().catch(() => undefined)
      await eventually(() => expect(stack.sandbox.host(host).stats().active + stack.sandbox.host(host).stats().aborted).toBe(1))
      leave.abort()
      await eventually(() => expect(stack.sandbox.host(host).stats()).toMatchObject({ active: 0, aborted: 1 }), { timeoutMs: 1_000 })
      await ended
      await atRest(redisUrl)
    })
  })

  it('lists models and finds one, with a slash in its id too', async () => {
    const { data: models } = modelList.parse(await (await fetch(`${stack.url}/v1/models`, { headers: { authorization: `Bearer ${tenant.key}` } })).json())
    expect((await client.models.list()).data).toEqual(models)
    expect(models.map(({ id }) => id).sort()).toEqual(['acme/deep/model:7b', 'gpt-4o-mini', 'llama3.2'])
    for (const { id } of models) expect(modelShape.parse(await client.models.retrieve(id))).toMatchObject({ id, owned_by: 'tollgate' })
    const spelled = await fetch(`${stack.url}/v1/models/acme/deep/model:7b`, { headers: { authorization: `Bearer ${tenant.key}` } })
    expect(await spelled.json()).toMatchObject({ id: 'acme/deep/model:7b' })
    await expect(client.models.retrieve('no/such/model')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })

  it('errors have the four fields that OpenAI’s schema requires, whatever is wrong', async () => {
    const bodies: [unknown, Record<string, string>][] = [['{', {}], [{}, {}], [{ model: 'nope', messages: QUESTION }, {}], [{ model: 'llama3.2', messages: QUESTION }, { authorization: 'Bearer tg_live_wrong' }]]
    for (const [body, headers] of bodies) {
      const response = await stack.post('/v1/chat/completions', tenant.key, body, headers)
      expect(response.ok).toBe(false)
      errorBody.parse(await response.json())
    }
    errorBody.parse(await (await stack.post('/v1/nowhere', tenant.key, {})).json())
  })

  it('throws its own classes', async () => {
    const create = (from: OpenAI, model: string, more: object = {}) => from.chat.completions.create({ model, messages: QUESTION, ...more })
    const thrown = async (attempt: Promise<unknown>) => attempt.then(() => null, (error: unknown) => error)
    const wrong = await thrown(create(clientOf({ key: 'tg_live_wrong' }), 'llama3.2'))
    expect(wrong).toBeInstanceOf(AuthenticationError)
    expect(wrong).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error', requestID: expect.any(String) })
    const foreign = await thrown(create(clientOf(await stack.addTenant({ tier: 'free' })), 'llama3.2'))
    expect(foreign).toBeInstanceOf(PermissionDeniedError)
    expect(foreign).toMatchObject({ status: 403, code: 'model_not_allowed', param: 'model' })
    const missing = await thrown(create(client, 'nope'))
    expect(missing).toBeInstanceOf(NotFoundError)
    expect(missing).toMatchObject({ status: 404, code: 'model_not_found', param: 'model', error: { available_models: expect.arrayContaining(['llama3.2']) } })
    const bad = await thrown(create(client, 'llama3.2', { max_tokens: -1 }))
    expect(bad).toBeInstanceOf(BadRequestError)
    expect(bad).toMatchObject({ status: 400, param: 'max_tokens' })
    await stack.sandbox.host('ollama-us').set('http500')
    expect(await thrown(create(client, 'llama3.2'))).toMatchObject({ status: 502, code: 'upstream_error', type: 'server_error' })
  })

  it('waits as told and tries again after 429, but not when waiting is pointless', async () => {
    const busy = await stack.addTenant({ tier: 'enterprise', key: { parallel: 1 } })
    await stack.sandbox.host('ollama-us').set('ok;words=1000;gap=20')
    const held = await clientOf(busy).chat.completions.create({ model: 'llama3.2', messages: QUESTION, stream: true })
    const refused = (await clientOf(busy).chat.completions.create({ model: 'llama3.2', messages: QUESTION }).catch((error: unknown) => error)) as RateLimitError
    expect(refused).toBeInstanceOf(RateLimitError)
    expect(refused).toMatchObject({ status: 429, code: 'concurrency_limit_exceeded', type: 'rate_limit_error' })
    expect(refused.headers.get('retry-after')).toBe('1')
    const retried = clientOf(busy, 2).chat.completions.create({ model: 'llama3.2', messages: QUESTION })
    held.controller.abort()
    await stack.sandbox.host('ollama-us').set('ok')
    expect((await retried).choices[0]!.finish_reason).toBe('stop')
    const spent = await stack.addTenant({ tier: 'enterprise', budgetPico: 1_000_000n })
    let asked = 0
    const counting = new OpenAI({ apiKey: spent.key, baseURL: `${stack.url}/v1`, maxRetries: 2, fetch: (...call) => (asked++, fetch(...call)) })
    const broke = (await counting.chat.completions.create({ model: 'llama3.2', messages: QUESTION }).catch((error: unknown) => error)) as RateLimitError
    expect(broke).toBeInstanceOf(RateLimitError)
    expect(broke).toMatchObject({ status: 429, code: 'insufficient_quota', type: 'insufficient_quota' })
    expect(broke.headers.get('x-should-retry')).toBe('false')
    expect(asked).toBe(1)
  })
})
