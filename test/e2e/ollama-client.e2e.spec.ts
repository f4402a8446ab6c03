import { Ollama, type ChatResponse, type Message, type Tool } from 'ollama'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageOf } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'llama3.2'],
  ['openai', 'openai-eu', 'gpt-4o-mini'],
] as const
const QUESTION: Message[] = [{ role: 'user', content: 'one two' }]
const WEATHER: Tool = { type: 'function', function: { name: 'get_weather', description: 'Weather of a city', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }
const WORDS = 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'

describe('the official Ollama client, unmodified', () => {
  let stack: Stack
  let tenant: SeededTenant
  let client: Ollama
  const clientOf = ({ key }: Pick<SeededTenant, 'key'>) => new Ollama({ host: stack.url, headers: { authorization: `Bearer ${key}` } })
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'qwen3:8b'], defaults: { gap: 1 } },
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

  const partsOf = async <T>(stream: AsyncIterable<T>) => {
    const parts: T[] = []
    for await (const part of stream) parts.push(part)
    return parts
  }

  describe.each(DIALECTS)('on a host of the %s dialect', (_dialect, host, model) => {
    it('gets a whole chat with counts and durations in nanoseconds, and is billed for it', async () => {
      const known = new Set((await usageOf(stack.owner, tenant.id)).map(({ rid }) => rid))
      const answer = await client.chat({ model: `${model}:latest`, messages: QUESTION })
      expect(answer).toMatchObject({ model: `${model}:latest`, message: { role: 'assistant', content: WORDS }, done: true, done_reason: 'stop', prompt_eval_count: 5, eval_count: 11 })
      expect(answer.total_duration).toBeGreaterThanOrEqual(answer.prompt_eval_duration + answer.eval_duration)
      expect(Number.isInteger(answer.eval_duration)).toBe(true)
      const [row] = await eventually(async () => {
        const rows = (await usageOf(stack.owner, tenant.id)).filter(({ rid }) => !known.has(rid))
        expect(rows).toHaveLength(1)
        return rows
      })
      expect(row).toMatchObject({ prompt_tokens: 5, completion_tokens: 11, amount_pico: 27_000_000n })
    })

    it('streams a line an event and the counts last', async () => {
      const parts = await partsOf(await client.chat({ model, messages: QUESTION, stream: true }))
      expect(parts.map(({ message }) => message.content).join('')).toBe(WORDS)
      expect(parts.map(({ done }) => done)).toEqual([...Array<boolean>(parts.length - 1).fill(false), true])
      expect(parts.at(-1)).toMatchObject({ done_reason: 'stop', prompt_eval_count: 5, eval_count: 11 })
      expect(parts.length).toBeGreaterThan(5)
    })

    it.each([false, true])('calls a tool with an object of arguments and answers with its result (stream: %s)', async (stream) => {
      await stack.sandbox.host(host).set('tool')
      const ask = async (messages: Message[]): Promise<ChatResponse[]> => (stream ? partsOf(await client.chat({ model, messages, tools: [WEATHER], stream: true })) : [await client.chat({ model, messages, tools: [WEATHER] })])
      const calls = (await ask(QUESTION)).flatMap(({ message }) => message.tool_calls ?? [])
      expect(calls).toMatchObject([{ function: { name: 'get_weather', arguments: { city: 'Paris' } } }])
      const second = await ask([...QUESTION, { role: 'assistant', content: '', tool_calls: calls }, { role: 'tool', content: '21 degrees', tool_name: 'get_weather' }])
      expect(second.map(({ message }) => message.content).join('')).toMatch(/w1/)
      expect(second.at(-1)!.done_reason).toBe('stop')
      expect(JSON.stringify(stack.sandbox.host(host).log().at(-1)!.body)).toContain('21 degrees')
      await atRest(redisUrl)
    })

    it.each([false, true])('calls two tools at once, each whole (stream: %s)', async (stream) => {
      await stack.sandbox.host(host).set('tool-parallel')
      const request = { model, messages: QUESTION, tools: [WEATHER, { ...WEATHER, function: { ...WEATHER.function, name: 'get_time' } }] }
      const parts = stream ? await partsOf(await client.chat({ ...request, stream: true })) : [await client.chat(request)]
      expect(parts.flatMap(({ message }) => message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments])).toEqual([['get_weather', { city: 'Paris' }], ['get_time', { city: 'Rome' }]])
    })

    it('generates from a prompt, whole and streamed, and is cut where it asked to be', async () => {
      expect(await client.generate({ model, prompt: 'one two', system: 'be brief' })).toMatchObject({ response: WORDS, done: true, done_reason: 'stop' })
      const parts = await partsOf(await client.generate({ model, prompt: 'one two', stream: true, options: { num_predict: 4 } }))
      expect(parts.map(({ response }) => response).join('').trim().split(' ').length).toBeLessThanOrEqual(4)
      expect(parts.at(-1)).toMatchObject({ done: true, done_reason: 'length' })
    })

    it('stops the upstream within a second when it aborts', async () => {
      await stack.sandbox.host(host).set('ok;words=1000;gap=20')
      const stream = await client.chat({ model, messages: QUESTION, stream: true })
      await expect((async () => {
        for await (const _part of stream) stream.abort()
      })()).rejects.toThrow(/abort/i)
      await eventually(() => expect(stack.sandbox.host(host).stats()).toMatchObject({ active: 0, aborted: 1 }), { timeoutMs: 1_000 })
      await atRest(redisUrl)
    })
  })

  it('sends format, thinking and sampling on, and leaves what loads models to the operator', async () => {
    const schema = { type: 'object', properties: { a: { type: 'number' } } }
    const answer = await client.chat({ model: 'llama3.2', messages: QUESTION, format: schema, options: { temperature: 0.1, num_ctx: 999_999, repeat_penalty: 1.2 }, keep_alive: '10m' })
    const body = stack.sandbox.host('ollama-us').log().at(-1)!.body as { format: unknown; options: Record<string, unknown>; keep_alive?: unknown }
    expect(body.format).toEqual(schema)
    expect(body.options).toMatchObject({ temperature: 0.1, repeat_penalty: 1.2 })
    expect([body.options.num_ctx, body.keep_alive]).toEqual([undefined, undefined])
    expect((answer as unknown as { warnings: string[] }).warnings[0]).toMatch(/num_ctx, keep_alive/)
  })

  it.each([false, true])('gives thinking apart from the answer (stream: %s)', async (stream) => {
    await stack.sandbox.host('ollama-us').set('think')
    const request = { model: 'qwen3:8b', messages: QUESTION, think: true }
    const parts = stream ? await partsOf(await client.chat({ ...request, stream: true })) : [await client.chat(request)]
    expect(parts.map(({ message }) => message.thinking ?? '').join('')).toMatch(/\w/)
    expect(parts.map(({ message }) => message.content).join('')).toMatch(/w1/)
  })

  it.each([false, true])('generates with format, thinking and sampling as it chats (stream: %s)', async (stream) => {
    await stack.sandbox.host('ollama-us').set('think')
    const schema = { type: 'object', properties: { a: { type: 'number' } } }
    const request = { model: 'qwen3:8b', prompt: 'one two', think: true, format: schema, options: { temperature: 0.1, num_ctx: 999_999 }, keep_alive: '10m' }
    const parts = stream ? await partsOf(await client.generate({ ...request, stream: true })) : [await client.generate(request)]
    expect(parts.map(({ thinking }) => thinking ?? '').join('')).toMatch(/\w/)
    expect(JSON.parse(parts.map(({ response }) => response).join(''))).toEqual({ a: expect.any(Number) })
    const last = parts.at(-1)!
    for (const nanoseconds of [last.total_duration, last.load_duration, last.prompt_eval_duration, last.eval_duration]) expect(Number.isInteger(nanoseconds)).toBe(true)
    expect(last.total_duration).toBeGreaterThan(1_000_000)
    const body = stack.sandbox.host('ollama-us').log().at(-1)!.body as { format: unknown; think: unknown; options: Record<string, unknown>; keep_alive?: unknown }
    expect([body.format, body.think, body.options.temperature, body.options.num_ctx, body.keep_alive]).toEqual([schema, true, 0.1, undefined, undefined])
    expect((last as unknown as { warnings: string[] }).warnings[0]).toMatch(/num_ctx, keep_alive/)
  })

  it.each([false, true])('gives log probabilities of the tokens where they are asked for (stream: %s)', async (stream) => {
    const request = { model: 'llama3.2', messages: QUESTION, logprobs: true, top_logprobs: 2 }
    const parts = stream ? await partsOf(await client.chat({ ...request, stream: true })) : [await client.chat(request)]
    const tokens = parts.flatMap(({ logprobs }) => logprobs ?? [])
    expect(tokens.map(({ token }) => token).join('')).toBe(WORDS)
    for (const token of tokens) expect(token).toMatchObject({ logprob: expect.any(Number), top_logprobs: [expect.objectContaining({ token: token.token }), expect.any(Object)] })
  })

  it.each([{ format: 'yaml' }, { think: 'very' }, { options: { temperature: 'hot' } }, { messages: [{ role: 'wizard', content: 'x' }] }, { top_logprobs: 21 }])('refuses what Ollama would answer 400 or 500 to: %j', async (more) => {
    const error = await client.chat({ model: 'llama3.2', messages: QUESTION, ...(more as object) }).catch((reason: unknown) => reason as { status_code: number; message: string })
    expect(error).toMatchObject({ status_code: 400, message: expect.stringContaining(Object.keys(more)[0]!) })
  })

  it('lists, shows and loads what it may use', async () => {
    const { models } = await client.list()
    expect(models.map(({ name }) => name).sort()).toEqual(['gpt-4o-mini:latest', 'llama3.2:latest', 'qwen3:8b'])
    for (const model of models) expect(model).toMatchObject({ model: model.name, digest: expect.stringMatching(/^[0-9a-f]{64}$/), size: expect.any(Number), details: { family: expect.any(String) } })
    expect(await client.show({ model: 'llama3.2' })).toMatchObject({ capabilities: expect.arrayContaining(['completion']), model_info: expect.any(Object) })
    expect(await client.ps()).toEqual({ models: [] })
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(await client.generate({ model: 'llama3.2', prompt: '' })).toMatchObject({ done: true, done_reason: 'load', response: '' })
  })

  it('throws with our sentence and status; models cannot be changed', async () => {
    const thrown = async (attempt: Promise<unknown>) => attempt.then(() => null, (error: unknown) => error as { status_code: number; message: string })
    expect(await thrown(clientOf({ key: 'tg_live_wrong' }).chat({ model: 'llama3.2', messages: QUESTION }))).toMatchObject({ status_code: 401 })
    expect(await thrown(clientOf(await stack.addTenant({ tier: 'free' })).chat({ model: 'llama3.2', messages: QUESTION }))).toMatchObject({ status_code: 403, message: expect.stringContaining('not available in free tier') })
    expect(await thrown(client.chat({ model: 'nope', messages: QUESTION }))).toMatchObject({ status_code: 404, message: expect.stringContaining("'nope' not found") })
    expect(await thrown(client.show({ model: 'nope' }))).toMatchObject({ status_code: 404 })
    expect(await thrown(client.pull({ model: 'llama3.2' }))).toMatchObject({ status_code: 403, message: expect.stringContaining('operator') })
    expect(await thrown(client.delete({ model: 'llama3.2' }))).toMatchObject({ status_code: 403 })
    const busy = await stack.addTenant({ tier: 'enterprise', key: { parallel: 1 } })
    await stack.sandbox.host('ollama-us').set('ok;words=1000;gap=20')
    const held = await clientOf(busy).chat({ model: 'llama3.2', messages: QUESTION, stream: true })
    expect(await thrown(clientOf(busy).chat({ model: 'llama3.2', messages: QUESTION }))).toMatchObject({ status_code: 429 })
    held.abort()
  })

  it.each(['eof-mid', 'reset-mid', 'err-line'])('an answer that breaks ends with an error line and never with done (%s)', async (fault) => {
    await stack.sandbox.host('ollama-us').set(fault)
    const response = await fetch(`${stack.url}/api/chat`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'llama3.2', messages: QUESTION }) })
    const lines = (await response.text()).trim().split('\n').map((line) => JSON.parse(line) as { done?: boolean; error?: string })
    expect(lines.some(({ done }) => done === true)).toBe(false)
    expect(lines.at(-1)!.error).toMatch(/\w/)
    await atRest(redisUrl)
  })
})
