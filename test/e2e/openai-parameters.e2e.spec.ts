import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { chatChunk, chatCompletion, errorBody } from './openai-shapes'
import { parameterTable } from './parameters-fixture'

const { url: redisUrl } = redisTargets().at(-1)!
const TOOLS = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } }]
const SCHEMA = { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }

/** A value of each parameter that it is legal to send, and what must go with it. */
const SAMPLES: Readonly<Record<string, { readonly value: unknown; readonly beside?: object }>> = {
  model: { value: 'gpt-4o-mini' }, messages: { value: [{ role: 'user', content: 'one two' }] }, stream: { value: true }, stream_options: { value: { include_usage: true }, beside: { stream: true } },
  max_tokens: { value: 4 }, max_completion_tokens: { value: 4 }, n: { value: 2 }, reasoning: { value: { effort: 'low' } }, provider: { value: { data_collection: 'allow', require_parameters: true } }, modalities: { value: ['text'] },
  temperature: { value: 0.3 }, top_p: { value: 0.5 }, presence_penalty: { value: 1 }, frequency_penalty: { value: -1 }, stop: { value: ['END'] }, seed: { value: 7 }, verbosity: { value: 'low' }, reasoning_effort: { value: 'low' },
  logprobs: { value: true }, top_logprobs: { value: 2, beside: { logprobs: true } }, logit_bias: { value: { 50256: -100 } }, response_format: { value: SCHEMA },
  tools: { value: TOOLS }, tool_choice: { value: 'auto', beside: { tools: TOOLS } }, parallel_tool_calls: { value: false, beside: { tools: TOOLS } },
  top_k: { value: 5 }, min_p: { value: 0.1 }, repetition_penalty: { value: 1.2 },
  user: { value: 'ada' }, safety_identifier: { value: 'a1' }, metadata: { value: { a: 'b' } }, store: { value: true }, service_tier: { value: 'auto' }, prompt_cache_key: { value: 'k' }, prompt_cache_options: { value: {} }, prompt_cache_retention: { value: '24h' },
  prediction: { value: { type: 'content', content: 'w1' } }, functions: { value: [{ name: 'f' }] }, function_call: { value: 'auto' }, audio: { value: { voice: 'alloy', format: 'wav' } }, web_search_options: { value: {} }, moderation: { value: {} },
}

/** Names Ollama gives to what is passed where it is known. */
const OLLAMA_NAMES: Readonly<Record<string, string>> = { repetition_penalty: 'repeat_penalty' }

const rows = parameterTable('/v1/chat/completions')
/** All that a request without fault is told: that no model answered. */
const ONLY_SANDBOX = [expect.stringContaining('is a sandbox host')]
const of = (treatment: string) => rows.filter((row) => row.treatment === treatment).map(({ name }) => name)

describe('every parameter of OpenAI’s chat completions is treated as the README says', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'qwen3:8b'], defaults: { gap: 0 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 0 } },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack.stop())

  const post = (body: object) => stack.post('/v1/chat/completions', tenant.key, { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'one two' }], ...body })
  const send = (name: string, more: object = {}) => post({ ...more, ...SAMPLES[name]!.beside, [name]: SAMPLES[name]!.value })
  const heard = (host: string) => stack.sandbox.host(host).log().at(-1)!.body as Record<string, unknown>

  it('the table names every parameter once, and this spec has a sample of each', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(SAMPLES).sort())
  })

  it.each(of('passed'))('%s is passed on as it is', async (name) => {
    const response = await send(name)
    expect(response.status).toBe(200)
    const { warnings } = chatCompletion.parse(await response.json())
    expect(heard('openai-eu')[name]).toEqual(SAMPLES[name]!.value)
    expect(warnings).toEqual(ONLY_SANDBOX)
  })

  it.each(of('passed where known'))('%s reaches a host that knows it, and not one that does not', async (name) => {
    expect((await send(name, { model: 'llama3.2' })).status).toBe(200)
    expect((heard('ollama-us').options as Record<string, unknown>)[OLLAMA_NAMES[name] ?? name]).toEqual(SAMPLES[name]!.value)
    expect((await send(name)).status).toBe(200)
    expect(heard('openai-eu')).not.toHaveProperty(name)
  })

  it.each(of('governed'))('%s is taken', async (name) => {
    const response = await send(name)
    expect(response.status).toBe(200)
    const text = await response.text()
    if (response.headers.get('content-type')!.startsWith('text/event-stream')) for (const line of text.split('\n\n').filter((block) => /^data: \{/.test(block))) chatChunk.parse(JSON.parse(line.slice(6)))
    else expect(chatCompletion.parse(JSON.parse(text)).warnings).toEqual(ONLY_SANDBOX)
  })

  it.each(of('ignored'))('%s is ignored: the answer is the same, and no provider hears of it', async (name) => {
    const plain = chatCompletion.parse(await (await post({})).json())
    const answer = chatCompletion.parse(await (await send(name)).json())
    expect(answer.choices).toEqual(plain.choices)
    expect(answer.warnings).toEqual(ONLY_SANDBOX)
    expect(heard('openai-eu')).not.toHaveProperty(name)
  })

  it.each(of('refused'))('%s is an error that names it, and nothing is sent', async (name) => {
    const response = await send(name)
    expect(response.status).toBe(400)
    expect(errorBody.parse(await response.json()).error).toMatchObject({ code: 'unsupported_parameter', param: name, type: 'invalid_request_error', message: expect.stringContaining(name) })
    expect(stack.sandbox.host('openai-eu').log().filter(({ method }) => method === 'POST')).toEqual([])
  })

  it.each([[{ max_tokens: 4 }], [{ max_completion_tokens: 4 }], [{ max_tokens: 4, max_completion_tokens: 9 }], [{ max_tokens: 9, max_completion_tokens: 4 }]])('%j: no more than that, from a host that ignores it', async (limits) => {
    for (const [host, model] of [['ollama-us', 'llama3.2'], ['openai-eu', 'gpt-4o-mini']] as const) {
      await stack.sandbox.host(host).set('endless')
      const text = await (await post({ ...limits, model, stream: true })).text()
      const choices = text.split('\n\n').filter((block) => /^data: \{/.test(block)).flatMap((block) => chatChunk.parse(JSON.parse(block.slice(6))).choices)
      expect([choices.map(({ delta }) => delta.content ?? '').join(''), choices.at(-1)!.finish_reason]).toEqual(['w1 w2 w3 w4', 'length'])
    }
  })

  it('a field in no list is ignored and named in a warning, streamed and not', async () => {
    const warning = { warnings: [expect.stringContaining('"max_token"'), ...ONLY_SANDBOX] }
    expect(await (await post({ max_token: 5 })).json()).toMatchObject(warning)
    const text = await (await post({ max_token: 5, stream: true })).text()
    expect(text.split('\n\n').filter((block) => block.includes('max_token'))).toHaveLength(1)
    expect(heard('openai-eu')).not.toHaveProperty('max_token')
  })

  it.each([
    ['logit_bias', { logit_bias: { 1: 5 } }],
    ['messages', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.org/a.png' } }] }] }],
  ])('%s, which this host would drop, is refused by name before anything is reserved', async (param, more) => {
    const response = await post({ ...more, model: 'llama3.2' })
    expect(response.status).toBe(400)
    expect(errorBody.parse(await response.json()).error).toMatchObject({ param, code: expect.stringMatching(/unsupported_parameter|image_refused/) })
    expect(stack.sandbox.host('ollama-us').log().filter(({ path }) => path === '/api/chat')).toEqual([])
  })

  it.each([
    [{ top_logprobs: 2 }, 'top_logprobs'], [{ top_logprobs: 21, logprobs: true }, 'top_logprobs'], [{ n: 129 }, 'n'], [{ presence_penalty: 3 }, 'presence_penalty'], [{ tool_choice: 'required' }, 'tool_choice'],
    [{ tools: TOOLS, tool_choice: { type: 'function', function: { name: 'other' } } }, 'tool_choice'], [{ tools: TOOLS, tool_choice: { type: 'allowed_tools', allowed_tools: {} } }, 'tool_choice'],
    [{ tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools'], [{ response_format: { type: 'yaml' } }, 'response_format'], [{ response_format: { type: 'json_schema' } }, 'response_format'],
    [{ modalities: ['text', 'audio'] }, 'modalities'], [{ reasoning_effort: 'enormous' }, 'reasoning_effort'], [{ logit_bias: { 1: 500 } }, 'logit_bias'],
  ])('%j is a 400 that names %s', async (more, param) => {
    const response = await post(more)
    expect(response.status).toBe(400)
    expect(errorBody.parse(await response.json()).error).toMatchObject({ param, type: 'invalid_request_error' })
  })

  it('reasoning as OpenRouter writes it: asked for, told apart from the content, hidden where that is wished, billed all the same', async () => {
    await stack.sandbox.host('ollama-us').set('think')
    const ask = async (reasoning: object) => chatCompletion.parse(await (await post({ model: 'qwen3:8b', reasoning })).json())
    const shown = await ask({ max_tokens: 20_000 })
    expect(heard('ollama-us').think).toBe('high')
    expect(shown.choices[0]!.message).toMatchObject({ reasoning_content: expect.stringContaining('weighing'), content: expect.stringContaining('w10') })
    const hidden = await ask({ effort: 'low', exclude: true })
    expect(heard('ollama-us').think).toBe('low')
    expect(hidden.choices[0]!.message).not.toHaveProperty('reasoning_content')
    expect(hidden.usage.completion_tokens).toBe(shown.usage.completion_tokens)
    const streamed = await (await post({ model: 'qwen3:8b', stream: true, reasoning: { effort: 'low', exclude: true } })).text()
    expect(streamed).not.toContain('weighing')
    await ask({ enabled: false })
    expect(heard('ollama-us').think).toBe(false)
  })

  it.each(['llama3.2', 'gpt-4o-mini'])('response_format json_schema: the answer is JSON of that schema (%s)', async (model) => {
    const answer = chatCompletion.parse(await (await post({ model, response_format: SCHEMA })).json())
    expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ city: expect.any(String) })
  })
})
