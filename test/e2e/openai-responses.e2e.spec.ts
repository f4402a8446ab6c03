import OpenAI, { BadRequestError } from 'openai'
import type { Response, ResponseInputItem, ResponseStreamEvent, Tool } from 'openai/resources/responses/responses'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'
import { responseEvent, responseObject, textCompletion } from './openai-shapes'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'llama3.2'],
  ['openai', 'openai-eu', 'gpt-4o-mini'],
] as const
const WORDS = 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'
const WEATHER: Tool = { type: 'function', name: 'get_weather', description: 'Weather of a city', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }, strict: false }

describe('responses and legacy completions, through the official OpenAI client', () => {
  let stack: Stack
  let tenant: SeededTenant
  let client: OpenAI
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
    client = new OpenAI({ apiKey: tenant.key, baseURL: `${stack.url}/v1`, maxRetries: 0 })
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack.stop())

  const eventsOf = async (stream: AsyncIterable<ResponseStreamEvent>) => {
    const events: ResponseStreamEvent[] = []
    for await (const event of stream) {
      responseEvent.parse(event)
      events.push(event)
    }
    return events
  }
  /** A response as its own stream tells it, or whole; either way by OpenAI's schema. */
  const respond = async (body: object, streams: boolean) => {
    const answer = streams ? ((await eventsOf(await client.responses.create({ ...body, stream: true }))).at(-1) as { response: Response }).response : await client.responses.create(body)
    const { output_text: _, ...told } = answer
    return responseObject.parse(told) as unknown as Response
  }

  describe.each(DIALECTS)('on a host of the %s dialect', (_dialect, host, model) => {
    it('gets a whole response, and is billed for it', async () => {
      const answer = await client.responses.create({ model, input: 'one two', instructions: 'be brief' })
      expect(answer).toMatchObject({ id: expect.stringMatching(/^resp_[0-9a-f]{32}$/), object: 'response', status: 'completed', model, error: null, incomplete_details: null, store: false, output: [{ type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: WORDS, annotations: [] }] }] })
      expect(answer.output_text).toBe(WORDS)
      responseObject.parse(answer)
      expect(answer.usage).toMatchObject({ output_tokens: 11, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } })
      const row = await usageRow(stack.owner, (answer as { _request_id?: string })._request_id!)
      expect([row.prompt_tokens, row.completion_tokens]).toEqual([answer.usage!.input_tokens, answer.usage!.output_tokens])
    })

    it('streams numbered, named events: an item is done before the next, the completed response last', async () => {
      const events = await eventsOf(await client.responses.create({ model, input: 'one two', stream: true }))
      expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, at) => at))
      const kinds = events.map(({ type }) => type)
      expect(kinds.filter((type, at) => type !== kinds[at - 1])).toEqual(['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', 'response.output_text.delta', 'response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed'])
      expect(events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : [])).join('')).toBe(WORDS)
      expect((events.at(-1) as { response: Response }).response).toMatchObject({ status: 'completed', usage: { output_tokens: 11 }, output: [{ content: [{ text: WORDS }] }] })
    })

    it.each([false, true])('calls a tool and answers with its result (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('tool')
      const ask = async (input: ResponseInputItem[]): Promise<Response> => (streams ? client.responses.stream({ model, input, tools: [WEATHER] }).finalResponse() : client.responses.create({ model, input, tools: [WEATHER] }))
      const question: ResponseInputItem = { role: 'user', content: [{ type: 'input_text', text: 'one two' }] }
      const first = await ask([question])
      const call = first.output.find(({ type }) => type === 'function_call') as { call_id: string; name: string; arguments: string }
      expect(call).toMatchObject({ name: 'get_weather', call_id: expect.stringMatching(/.+/), status: 'completed' })
      expect(JSON.parse(call.arguments)).toEqual({ city: 'Paris' })
      const second = await ask([question, call as unknown as ResponseInputItem, { type: 'function_call_output', call_id: call.call_id, output: '21 degrees' }])
      expect(second.output_text).toMatch(/w1/)
      const sent = JSON.stringify(stack.sandbox.host(host).log().at(-1)!.body)
      expect(sent).toContain('21 degrees')
      expect(sent).toContain('Paris')
      await atRest(redisUrl)
    })

    it.each([false, true])('calls two functions at once, each an item of its own and done (stream: %s)', async (streams) => {
      await stack.sandbox.host(host).set('tool-parallel')
      const { output } = await respond({ model, input: 'one two', tools: [WEATHER, { ...WEATHER, name: 'get_time' }] }, streams)
      const calls = output as { type: string; call_id: string; name: string; arguments: string; status: string }[]
      expect(calls.map(({ type, name, arguments: args, status }) => [type, name, JSON.parse(args), status])).toEqual([['function_call', 'get_weather', { city: 'Paris' }, 'completed'], ['function_call', 'get_time', { city: 'Rome' }, 'completed']])
      expect(new Set(calls.map(({ call_id: id }) => id)).size).toBe(2)
    })

    it.each([false, true])('tells log probabilities where they are asked for, and nowhere else (stream: %s)', async (streams) => {
      const told = async (more: object) => {
        const [message] = (await respond({ model, input: 'one two', ...more }, streams)).output as unknown as { content: { logprobs: { token: string; top_logprobs: unknown[] }[] }[] }[]
        return message!.content[0]!.logprobs
      }
      const [first, ...rest] = await told({ include: ['message.output_text.logprobs'], top_logprobs: 2 })
      expect([first, ...rest].map((one) => one!.token).join('')).toBe(WORDS)
      expect(first!.top_logprobs).toHaveLength(2)
      expect((await told({ include: ['message.output_text.logprobs'] })).map(({ token }) => token).join('')).toBe(WORDS)
      expect(await told({ include: ['reasoning.encrypted_content'] })).toEqual([])
    })

    it('says incomplete when the limit cut it, streamed or not', async () => {
      const whole = await client.responses.create({ model, input: 'one two', max_output_tokens: 4 })
      expect(whole).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: [{ status: 'incomplete' }] })
      const events = await eventsOf(await client.responses.create({ model, input: 'one two', max_output_tokens: 4, stream: true }))
      expect(events.at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'incomplete' } })
    })

    it('an answer that breaks throws, and never looks complete', async () => {
      await stack.sandbox.host(host).set('eof-mid')
      const seen: ResponseStreamEvent[] = []
      const reading = (async () => {
        for await (const event of await client.responses.create({ model, input: 'one two', stream: true })) seen.push(event)
      })()
      await expect(reading).rejects.toThrow()
      expect(seen.map(({ type }) => type)).not.toContain('response.completed')
      await atRest(redisUrl)
    })

    it('stops the upstream within a second when the caller aborts', async () => {
      await stack.sandbox.host(host).set('ok;words=1000;gap=20')
      const stream = await client.responses.create({ model, input: 'one two', stream: true })
      for await (const event of stream) if (event.type === 'response.output_text.delta') break
      await eventually(() => expect(stack.sandbox.host(host).stats()).toMatchObject({ active: 0, aborted: 1 }), { timeoutMs: 1_000 })
      await atRest(redisUrl)
    })

    it.each([false, true])('legacy completions answer a bare prompt (stream: %s)', async (stream) => {
      if (!stream) {
        const answer = await client.completions.create({ model, prompt: 'one two', max_tokens: 100 })
        return expect(textCompletion.parse(answer)).toMatchObject({ id: expect.stringMatching(/^cmpl-/), object: 'text_completion', choices: [{ text: WORDS, index: 0, finish_reason: 'stop', logprobs: null }], usage: { completion_tokens: 11 } })
      }
      let text = ''
      const reasons: unknown[] = []
      for await (const chunk of await client.completions.create({ model, prompt: ['one two'], max_tokens: 100, stream: true })) {
        textCompletion.parse(chunk)
        text += chunk.choices[0]!.text
        if (chunk.choices[0]!.finish_reason) reasons.push(chunk.choices[0]!.finish_reason)
      }
      expect([text, reasons]).toEqual([WORDS, ['stop']])
    })
  })

  it.each([false, true])('tells a refusal of the model apart from what it says (stream: %s)', async (streams) => {
    await stack.sandbox.host('openai-eu').set('refusal')
    const answer = await respond({ model: 'gpt-4o-mini', input: 'one two' }, streams)
    expect(answer).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'content_filter' }, output: [{ type: 'message', content: [{ type: 'refusal', refusal: WORDS }] }] })
  })

  it.each([false, true])('gives reasoning as an item of its own, before the message (stream: %s)', async (streams) => {
    await stack.sandbox.host('ollama-us').set('think')
    const answer = await respond({ model: 'qwen3:8b', input: 'one two', reasoning: { effort: 'low' } }, streams)
    expect(answer.output.map(({ type }) => type)).toEqual(['reasoning', 'message'])
    expect(stack.sandbox.host('ollama-us').log().at(-1)!.body).toMatchObject({ think: 'low' })
  })

  it('passes a JSON schema on, and says which tools it left out', async () => {
    const schema = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'], additionalProperties: false }
    const answer = await client.responses.create({ model: 'qwen3:8b', input: 'one two', text: { format: { type: 'json_schema', name: 'n', schema } }, tools: [WEATHER, { type: 'web_search' }] })
    expect(stack.sandbox.host('ollama-us').log().at(-1)!.body).toMatchObject({ format: schema, tools: [{ function: { name: 'get_weather' } }] })
    expect((answer as unknown as { warnings: string[] }).warnings[0]).toMatch(/web_search/)
  })

  it.each([
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ background: true }, 'background'],
    [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input'],
    [{ input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'x' }] }] }, 'input'],
    [{ input: [] }, 'input'],
  ])('refuses what needs memory or cannot be sent: %j', async (more, param) => {
    const error = await client.responses.create({ model: 'qwen3:8b', input: 'x', ...(more as object) }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ status: 400, param })
  })

  it.each([[{ best_of: 2 }, 'best_of'], [{ suffix: 'x' }, 'suffix'], [{ prompt: [1, 2] }, 'prompt'], [{ prompt: ['a', 'b'] }, 'prompt']])('refuses what legacy completions do not do here: %j', async (more, param) => {
    const error = await client.completions.create({ model: 'qwen3:8b', prompt: 'x', ...(more as object) }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ status: 400, param })
  })
})
