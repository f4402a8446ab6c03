import OpenAI from 'openai'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'
import { errorBody, textCompletion } from './openai-shapes'
import { parameterTable } from './parameters-fixture'

const { url: redisUrl } = redisTargets().at(-1)!
const WORDS = 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'

/** A value of each parameter that it is legal to send, and what must go with it. */
const SAMPLES: Readonly<Record<string, { readonly value: unknown; readonly beside?: object }>> = {
  model: { value: 'gpt-4o-mini' }, prompt: { value: ['one two'] }, stream: { value: true }, stream_options: { value: { include_usage: true }, beside: { stream: true } },
  max_tokens: { value: 4 }, n: { value: 2 }, echo: { value: true }, logprobs: { value: 2 },
  temperature: { value: 0.3 }, top_p: { value: 0.5 }, presence_penalty: { value: 1 }, frequency_penalty: { value: -1 }, stop: { value: ['END'] }, seed: { value: 7 }, logit_bias: { value: { 50256: -100 } },
  top_k: { value: 5 }, min_p: { value: 0.1 }, repetition_penalty: { value: 1.2 },
  user: { value: 'ada' }, best_of: { value: 3 }, suffix: { value: 'the end' },
}
const OLLAMA_NAMES: Readonly<Record<string, string>> = { repetition_penalty: 'repeat_penalty' }
const rows = parameterTable('/v1/completions')
const of = (treatment: string) => rows.filter((row) => row.treatment === treatment).map(({ name }) => name)
/** All that a request without fault is told: that no model answered. */
const ONLY_SANDBOX = [expect.stringContaining('is a sandbox host')]

describe('every parameter of OpenAI’s legacy completions is treated as the README says', () => {
  let stack: Stack
  let tenant: SeededTenant
  let client: OpenAI
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 0 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 0 } },
        { name: 'anthropic-eu', region: 'eu-west', dialect: 'anthropic', models: ['claude-haiku-4-5'], defaults: { gap: 0 } },
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

  const post = (body: object) => stack.post('/v1/completions', tenant.key, { model: 'gpt-4o-mini', prompt: 'one two', max_tokens: 100, ...body })
  const send = (name: string, more: object = {}) => post({ ...more, ...SAMPLES[name]!.beside, [name]: SAMPLES[name]!.value })
  const heard = (host: string) => stack.sandbox.host(host).log().at(-1)!.body as Record<string, unknown>
  const whole = async (response: Response) => {
    const body = await response.json()
    expect({ status: response.status, body }).toEqual({ status: 200, body: expect.anything() })
    return textCompletion.parse(body) as unknown as OpenAI.Completion & { warnings: string[] }
  }

  it('the table names every parameter once, and this spec has a sample of each', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(SAMPLES).sort())
  })

  it.each(of('passed'))('%s is passed on as it is', async (name) => {
    expect((await whole(await send(name))).warnings).toEqual(ONLY_SANDBOX)
    expect(heard('openai-eu')[name]).toEqual(SAMPLES[name]!.value)
  })

  it.each(of('passed where known'))('%s reaches a host that knows it, and not one that does not', async (name) => {
    await whole(await send(name, { model: 'llama3.2' }))
    expect((heard('ollama-us').options as Record<string, unknown>)[OLLAMA_NAMES[name] ?? name]).toEqual(SAMPLES[name]!.value)
    await whole(await send(name))
    expect(heard('openai-eu')).not.toHaveProperty(name)
  })

  it.each(of('governed'))('%s is taken', async (name) => {
    const response = await send(name)
    expect(response.status).toBe(200)
    if (!response.headers.get('content-type')!.startsWith('text/event-stream')) return expect((await whole(response)).warnings).toEqual(ONLY_SANDBOX)
    for (const block of (await response.text()).split('\n\n').filter((text) => /^data: \{/.test(text))) textCompletion.parse(JSON.parse(block.slice(6)))
  })

  it.each(of('ignored'))('%s is ignored: the answer is the same, and no provider hears of it', async (name) => {
    const [plain, answer] = [await whole(await post({})), await whole(await send(name))]
    expect([answer.choices, answer.warnings]).toEqual([plain.choices, ONLY_SANDBOX])
    expect(heard('openai-eu')).not.toHaveProperty(name)
  })

  it.each([...of('refused').map((name) => [name, { [name]: SAMPLES[name]!.value }] as const), ['best_of', { n: 2, best_of: 1 }] as const, ['echo', { echo: true, logprobs: 0 }] as const])('%s is an error that names it (%j), and nothing is sent', async (name, more) => {
    const response = await post(more)
    expect(response.status).toBe(400)
    expect(errorBody.parse(await response.json()).error).toMatchObject({ code: 'unsupported_parameter', param: name, type: 'invalid_request_error', message: expect.stringContaining(name) })
    expect(stack.sandbox.host('openai-eu').log().filter(({ method }) => method === 'POST')).toEqual([])
  })

  it.each([{ best_of: 1 }, { n: 2, best_of: 2 }, { suffix: '' }, { suffix: null }, { n: null }, { logprobs: null }, { echo: false }])('%j says nothing, and is taken', async (more) => {
    expect((await whole(await post(more))).warnings).toEqual(ONLY_SANDBOX)
    for (const name of ['best_of', 'suffix', 'echo', 'logprobs']) expect(heard('openai-eu')).not.toHaveProperty(name)
  })

  it.each([
    [{ prompt: [1, 2] }, 'prompt'], [{ prompt: ['a', 'b'] }, 'prompt'], [{ n: 129 }, 'n'], [{ n: 1.5 }, 'n'], [{ logprobs: 6 }, 'logprobs'], [{ logprobs: true }, 'logprobs'],
    [{ best_of: 0 }, 'best_of'], [{ echo: 'yes' }, 'echo'], [{ stream_options: { include_usage: true } }, 'stream_options'], [{ presence_penalty: 3 }, 'presence_penalty'],
  ])('%j is a 400 that names %s', async (more, param) => {
    const response = await post(more)
    expect(response.status).toBe(400)
    expect(errorBody.parse(await response.json()).error).toMatchObject({ param, type: 'invalid_request_error' })
  })

  it('a field in no list is ignored and named in a warning, streamed and not', async () => {
    expect((await whole(await post({ max_token: 5 }))).warnings).toEqual([expect.stringContaining('"max_token"'), ...ONLY_SANDBOX])
    const text = await (await post({ max_token: 5, stream: true })).text()
    expect(text.split('\n\n').filter((block) => block.includes('max_token'))).toHaveLength(1)
  })

  it.each([['logprobs', { logprobs: 1 }], ['logit_bias', { logit_bias: { 1: 5 } }]])('%s, which this host would drop, is refused by name', async (param, more) => {
    const response = await post({ ...more, model: 'claude-haiku-4-5' })
    expect(response.status).toBe(400)
    expect(errorBody.parse(await response.json()).error).toMatchObject({ param, code: 'unsupported_parameter' })
  })

  describe.each(['llama3.2', 'gpt-4o-mini'])('by OpenAI’s client (%s)', (model) => {
    const streamed = async (more: object) => {
      const said: string[] = []
      const reasons: unknown[] = []
      const logprobs: OpenAI.CompletionChoice.Logprobs[] = []
      for await (const { choices } of await client.completions.create({ model, prompt: 'one two', max_tokens: 100, stream: true, ...more })) {
        for (const choice of choices) {
          said[choice.index] = (said[choice.index] ?? '') + choice.text
          if (choice.finish_reason) reasons[choice.index] = choice.finish_reason
          if (choice.logprobs) logprobs.push(choice.logprobs)
        }
      }
      return { said, reasons, logprobs }
    }

    it('n: that many choices, whole and streamed, every token of theirs billed', async () => {
      const { data, response } = await client.completions.create({ model, prompt: 'one two', max_tokens: 100, n: 3 }).withResponse()
      expect(data.choices.map(({ index, text, finish_reason: reason }) => [index, text, reason])).toEqual([0, 1, 2].map((index) => [index, WORDS, 'stop']))
      expect(await usageRow(stack.owner, response.headers.get('x-request-id')!)).toMatchObject({ completion_tokens: 33, status: 'completed' })
      expect(await streamed({ n: 3 })).toMatchObject({ said: [WORDS, WORDS, WORDS], reasons: ['stop', 'stop', 'stop'] })
      await atRest(redisUrl)
    })

    it('echo: each choice begins with the prompt', async () => {
      const answer = await client.completions.create({ model, prompt: 'one two ', max_tokens: 100, n: 2, echo: true })
      expect(answer.choices.map(({ text }) => text)).toEqual([`one two ${WORDS}`, `one two ${WORDS}`])
      expect((await streamed({ prompt: 'one two ', n: 2, echo: true })).said).toEqual([`one two ${WORDS}`, `one two ${WORDS}`])
    })

    it('logprobs: four lists of equal length whose tokens are the text, offsets into it', async () => {
      for (const host of ['ollama-us', 'openai-eu']) await stack.sandbox.host(host).set('logprobs')
      const answer = await client.completions.create({ model, prompt: 'one two', max_tokens: 100, logprobs: 2 })
      const { text, logprobs } = answer.choices[0]!
      const { said, logprobs: pieces } = await streamed({ logprobs: 2 })
      const joined = <K extends keyof OpenAI.CompletionChoice.Logprobs>(key: K) => pieces.flatMap((piece) => piece[key] as unknown[])
      for (const [whole, told] of [[text, logprobs!], [said[0]!, { tokens: joined('tokens'), token_logprobs: joined('token_logprobs'), top_logprobs: joined('top_logprobs'), text_offset: joined('text_offset') } as OpenAI.CompletionChoice.Logprobs]] as const) {
        expect(told.tokens!.join('')).toBe(whole)
        expect(told.tokens!.map((token, at) => whole.startsWith(token, told.text_offset![at]))).toEqual(told.tokens!.map(() => true))
        for (const list of [told.token_logprobs!, told.top_logprobs!]) expect(list).toHaveLength(told.tokens!.length)
        expect(told.token_logprobs!.every((value) => value <= 0)).toBe(true)
        expect(Object.keys(told.top_logprobs![0]!)).toHaveLength(2)
      }
    })
  })
})
