import OpenAI from 'openai'
import { Ollama } from 'ollama'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'
import { embeddingList } from './openai-shapes'

const { url: redisUrl } = redisTargets().at(-1)!
const DIALECTS = [
  ['ollama', 'ollama-us', 'nomic-embed-text'],
  ['openai', 'openai-eu', 'embed-eu'],
] as const

describe('embeddings', () => {
  let stack: Stack
  let tenant: SeededTenant
  let client: OpenAI
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['nomic-embed-text', 'llama3.2'] },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['embed-eu'] },
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

  describe.each(DIALECTS)('on a host of the %s dialect', (_dialect, host, model) => {
    it('one vector an input, in order; floats and base64 agree; only the prompt is billed', async () => {
      const input = ['one two', 'three', 'one two']
      const decoded = await client.embeddings.create({ model, input })
      const floats = await client.embeddings.create({ model, input, encoding_format: 'float' })
      embeddingList.parse(floats)
      const raw = embeddingList.parse(await (await stack.post('/v1/embeddings', tenant.key, { model, input, encoding_format: 'base64' })).json())
      for (const [at, { embedding }] of raw.data.entries()) {
        const bytes = Buffer.from(embedding as string, 'base64')
        expect(Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4))).toEqual(floats.data[at]!.embedding.map(Math.fround))
      }
      expect(floats.data.map(({ index }) => index)).toEqual([0, 1, 2])
      const [first, second, third] = floats.data.map(({ embedding }) => embedding)
      expect(first).toEqual(third)
      expect(first).not.toEqual(second)
      for (const [at, { embedding }] of decoded.data.entries()) expect(embedding.map((value) => value.toFixed(5))).toEqual(floats.data[at]!.embedding.map((value) => value.toFixed(5)))
      const row = await usageRow(stack.owner, (floats as { _request_id?: string })._request_id!)
      expect(row).toMatchObject({ status: 'completed', prompt_tokens: floats.usage.prompt_tokens, completion_tokens: 0, usage_source: 'provider' })
      expect(row.amount_pico).toBeGreaterThan(0n)
      expect(floats.usage.total_tokens).toBe(floats.usage.prompt_tokens)
      await atRest(redisUrl)
    })

    it('without a count of the provider the prompt is billed by ours, and says so', async () => {
      await stack.sandbox.host(host).set('no-usage')
      const answer = await client.embeddings.create({ model, input: 'one two' })
      expect(await usageRow(stack.owner, (answer as { _request_id?: string })._request_id!)).toMatchObject({ usage_source: 'estimated', completion_tokens: 0 })
    })

    it('fewer dimensions where they are asked for', async () => {
      const { data } = await client.embeddings.create({ model, input: 'one two', dimensions: 8, encoding_format: 'float' })
      expect(data[0]!.embedding).toHaveLength(8)
    })
  })

  it('the official Ollama client gets them too, by both routes', async () => {
    const ollama = new Ollama({ host: stack.url, headers: { authorization: `Bearer ${tenant.key}` } })
    const { embeddings, prompt_eval_count: count } = await ollama.embed({ model: 'nomic-embed-text', input: ['one two', 'three'] })
    expect([embeddings.length, count]).toEqual([2, 3])
    expect((await ollama.embeddings({ model: 'nomic-embed-text', prompt: 'one two' })).embedding).toEqual(embeddings[0])
  })

  it('a chat model has none: a clear refusal, and nothing is billed', async () => {
    const error = await client.embeddings.create({ model: 'llama3.2', input: 'x' }).catch((reason: unknown) => reason as { status: number; message: string })
    expect((error as { status: number }).status).toBeGreaterThanOrEqual(400)
    await atRest(redisUrl)
  })

  it.each([[{ input: [] }], [{ input: '' }], [{ input: [1, 2] }], [{ input: ['a', ''] }], [{ encoding_format: 'int8' }], [{ dimensions: 0 }]])('refuses %j', async (more) => {
    const error = await client.embeddings.create({ model: 'nomic-embed-text', input: 'x', ...(more as object) }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ status: 400 })
  })
})
