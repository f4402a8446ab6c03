import OpenAI from 'openai'
import type { ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageOf, usageRow } from './evidence'
import { chatChunk, chatCompletion } from './openai-shapes'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'llama3.2'],
  ['openai', 'openai-eu', 'gpt-4o-mini'],
] as const
const QUESTION: ChatCompletionMessageParam[] = [{ role: 'user', content: 'one two' }]
const TIME = { timeoutMs: 20_000 }
const WORDS = 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'
const tool = (name: string): ChatCompletionTool => ({ type: 'function', function: { name, description: 'of a city', parameters: { type: 'object', properties: { city: { type: 'string' } } } } })

describe('several choices, log probabilities and tool choice, whatever the upstream knows of them', () => {
  let stack: Stack
  let tenant: SeededTenant
  let client: OpenAI
  const clientOf = ({ key }: Pick<SeededTenant, 'key'>) => new OpenAI({ apiKey: key, baseURL: `${stack.url}/v1`, maxRetries: 0 })
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 1 } },
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
    for await (const chunk of stream) chunks.push(chatChunk.parse(chunk) as ChatCompletionChunk)
    return chunks
  }
  const textOf = (chunks: ChatCompletionChunk[], index: number) => chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index).map(({ delta }) => delta.content ?? '').join('')

  describe.each(DIALECTS)('on a host of the %s dialect', (dialect, host, model) => {
    const calls = dialect === 'ollama' ? 3 : 1

    it('n answers, each with its own end; every token that the upstream counted is billed', async () => {
      const answer = await client.chat.completions.create({ model, messages: QUESTION, n: 3 })
      chatCompletion.parse(answer)
      expect(answer.choices.map(({ index, finish_reason: reason, message }) => [index, reason, message.content])).toEqual([0, 1, 2].map((index) => [index, 'stop', WORDS]))
      expect(answer.usage).toMatchObject({ prompt_tokens: 5 * calls, completion_tokens: 33 })
      expect(await usageRow(stack.owner, answer._request_id!)).toMatchObject({ prompt_tokens: 5 * calls, completion_tokens: 33, attempts: calls, amount_pico: BigInt(5 * calls + 66) * 1_000_000n, usage_source: 'provider' })
      expect(stack.sandbox.host(host).log().map(({ body }) => (body as { n?: number }).n)).toEqual(dialect === 'ollama' ? [undefined, undefined, undefined] : [3])
      await atRest(redisUrl)
    })

    it('n answers in one stream, told apart by index: a role, a text and one end each, then the usage of all', async () => {
      const chunks = await chunksOf(await client.chat.completions.create({ model, messages: QUESTION, n: 2, stream: true, stream_options: { include_usage: true } }))
      for (const index of [0, 1]) {
        const own = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index)
        expect(own[0]!.delta.role).toBe('assistant')
        expect(textOf(chunks, index)).toBe(WORDS)
        expect(own.map(({ finish_reason: reason }) => reason).filter(Boolean)).toEqual(['stop'])
      }
      expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 22 } })
      await atRest(redisUrl)
    })

    it('admission reserves all of them: what n answers may cost is refused, what one may cost is not', async () => {
      const poor = await stack.addTenant({ tier: 'enterprise', budgetPico: 1_000_000_000n })
      const ask = (n: number) => clientOf(poor).chat.completions.create({ model, messages: QUESTION, n, max_tokens: 200 })
      await expect(ask(4)).rejects.toMatchObject({ status: 429, code: 'insufficient_quota' })
      expect((await ask(1)).choices).toHaveLength(1)
      expect(await usageOf(stack.owner, poor.id)).toHaveLength(1)
      await atRest(redisUrl)
    })

    it('an upstream that ignores the limit is cut for each of them, and they are billed by what was delivered', async () => {
      await stack.sandbox.host(host).set('endless')
      const chunks = await chunksOf(await client.chat.completions.create({ model, messages: QUESTION, n: 2, max_tokens: 4, stream: true, stream_options: { include_usage: true } }))
      expect([textOf(chunks, 0), textOf(chunks, 1)]).toEqual(['w1 w2 w3 w4', 'w1 w2 w3 w4'])
      expect(chunks.flatMap(({ choices }) => choices).map(({ finish_reason: reason }) => reason).filter(Boolean)).toEqual(['length', 'length'])
      expect(chunks.at(-1)!.usage).toMatchObject({ completion_tokens: 8 })
      await atRest(redisUrl)
      expect(stack.sandbox.host(host).stats()).toMatchObject({ active: 0 })
    })

    it('log probabilities come where they are asked for, streamed and not, and nowhere else', async () => {
      const wish = { model, messages: QUESTION, logprobs: true, top_logprobs: 2 } as const
      const answer = chatCompletion.parse(await client.chat.completions.create(wish))
      expect(answer.choices[0]!.logprobs!.content!.map(({ token }) => token).join('')).toBe(WORDS)
      expect(answer.choices[0]!.logprobs!.content![0]!.top_logprobs).toHaveLength(2)
      const chunks = await chunksOf(await client.chat.completions.create({ ...wish, stream: true }))
      expect(chunks.flatMap(({ choices }) => choices).flatMap(({ logprobs }) => logprobs?.content ?? []).map(({ token }) => token).join('')).toBe(WORDS)
      expect((await client.chat.completions.create({ model, messages: QUESTION })).choices[0]!.logprobs).toBeNull()
    })

    it('tool_choice holds: none calls nothing, a name calls that one, one call where parallel ones are not wanted', async () => {
      await stack.sandbox.host(host).set('tool-parallel')
      const ask = (more: object) => client.chat.completions.create({ model, messages: QUESTION, tools: [tool('get_weather'), tool('get_time')], ...more })
      const namesOf = async (more: object) => (await ask(more)).choices[0]!.message.tool_calls?.map((call) => (call as { function: { name: string } }).function.name)
      expect(await namesOf({})).toEqual(['get_weather', 'get_time'])
      expect(await namesOf({ parallel_tool_calls: false })).toEqual(['get_weather'])
      expect(await namesOf({ tool_choice: { type: 'function', function: { name: 'get_time' } } })).toEqual(dialect === 'ollama' ? ['get_time', 'get_time'] : ['get_time'])
      const none = await ask({ tool_choice: 'none' })
      expect(none.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: WORDS } })
    })

    it.each([false, true])('tool_choice required: an answer without a call is an error, and not billed unless it was streamed (stream: %s)', async (stream) => {
      const asker = await stack.addTenant({ tier: 'enterprise' })
      const wish = { model, messages: QUESTION, tools: [tool('get_weather')], tool_choice: 'required' as const }
      const failing = stream ? (async () => chunksOf(await clientOf(asker).chat.completions.create({ ...wish, stream: true })))() : clientOf(asker).chat.completions.create(wish)
      await expect(failing).rejects.toMatchObject({ code: 'tool_choice_unmet', ...(stream ? {} : { status: 502 }) })
      const [row] = await eventually(async () => expect(await usageOf(stack.owner, asker.id)).toHaveLength(1), TIME).then(() => usageOf(stack.owner, asker.id))
      expect(row).toMatchObject({ status: 'failed', error_code: 'tool_choice_unmet', amount_pico: stream ? BigInt(row!.prompt_tokens) * 1_000_000n + 22_000_000n : 0n })
      await stack.sandbox.host(host).set('tool')
      expect((await clientOf(asker).chat.completions.create(wish)).choices[0]!.finish_reason).toBe('tool_calls')
    })
  })

  it('a refusal of the model is told apart from its content', async () => {
    await stack.sandbox.host('openai-eu').set('refusal')
    const answer = chatCompletion.parse(await client.chat.completions.create({ model: 'gpt-4o-mini', messages: QUESTION }))
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'content_filter', message: { content: null, refusal: WORDS } })
    const chunks = await chunksOf(await client.chat.completions.create({ model: 'gpt-4o-mini', messages: QUESTION, stream: true }))
    expect(chunks.flatMap(({ choices }) => choices).map(({ delta }) => delta.refusal ?? '').join('')).toBe(WORDS)
  })

  it('a later choice that fails: an error and no bill for a whole answer, an error after what was delivered for a stream', async () => {
    const asker = await stack.addTenant({ tier: 'enterprise' })
    const wish = { model: 'llama3.2', messages: QUESTION, n: 2 }
    await stack.sandbox.host('ollama-us').set('flap;k=2')
    await expect(clientOf(asker).chat.completions.create(wish)).rejects.toMatchObject({ status: 502, code: 'upstream_error' })
    await eventually(async () => expect(await usageOf(stack.owner, asker.id)).toMatchObject([{ status: 'failed', completion_tokens: 0, amount_pico: 0n, attempts: 2 }]), TIME)
    const heard: ChatCompletionChunk[] = []
    const streamed = (async () => {
      for await (const chunk of await clientOf(asker).chat.completions.create({ ...wish, stream: true })) heard.push(chunk)
    })()
    await expect(streamed).rejects.toMatchObject({ code: 'upstream_error' })
    expect([textOf(heard, 0), textOf(heard, 1)]).toEqual([WORDS, ''])
    // Counted as far as it came; what a cut stream is charged is the tier's policy.
    await eventually(async () => expect((await usageOf(stack.owner, asker.id)).at(1)).toMatchObject({ status: 'failed', prompt_tokens: 5, completion_tokens: 11, amount_pico: 0n, attempts: 2 }), TIME)
    await atRest(redisUrl)
  })
})
