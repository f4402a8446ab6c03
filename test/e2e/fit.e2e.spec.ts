import Anthropic, { BadRequestError as AnthropicBadRequest } from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI, { BadRequestError } from 'openai'
import { CatalogService } from '../../libs/catalog'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageOf } from './evidence'
import { SURFACES } from './surfaces'

const { url: redisUrl } = redisTargets().at(-1)!
const OPERATORS_CONTEXT = 4_096
const PNG = 'iVBORw0KGgo='
const words = (count: number) => Array.from({ length: count }, (_, at) => `word${at % 10}`).join(' ')

/** What each official client throws, by the fields that its users read. */
interface Thrown {
  readonly status?: number
  readonly status_code?: number
  readonly code?: string
  readonly param?: string
  readonly message: string
  readonly error?: unknown
}

describe('what does not fit is refused with its numbers, on every surface', () => {
  let stack: Stack
  let tenant: SeededTenant
  let openai: OpenAI
  let anthropic: Anthropic
  let ollama: Ollama
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'tinyllama', 'llava', 'mistral:7b', 'nomic-embed-text'], defaults: { gap: 0 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 0 } },
      ],
      env: { OLLAMA_CONTEXT_LENGTH: String(OPERATORS_CONTEXT), OLLAMA_KEEP_ALIVE: '10m', TOLLGATE_BODY_LIMIT_BYTES: String(32 * 1024 * 1024) },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    openai = new OpenAI({ apiKey: tenant.key, baseURL: `${stack.url}/v1`, maxRetries: 0 })
    anthropic = new Anthropic({ apiKey: tenant.key, baseURL: stack.url, maxRetries: 0 })
    ollama = new Ollama({ host: stack.url, headers: { authorization: `Bearer ${tenant.key}` } })
    await stack.owner.query(`UPDATE model SET num_ctx = 1024, keep_alive = '-1' WHERE name = 'mistral:7b'`)
    await stack.gateways[0]!.get(CatalogService, { strict: false }).refresh()
    // Capabilities and contexts come from the hosts themselves, by the probe.
    await eventually(async () => {
      const { model_info: info, capabilities } = (await ollama.show({ model: 'tinyllama' })) as unknown as { model_info: Record<string, unknown>; capabilities: string[] }
      expect(Object.values(info)).toContain(2_048)
      expect(capabilities).not.toContain('vision')
      expect((await ollama.show({ model: 'llava' })).capabilities).toContain('vision')
    }, { timeoutMs: 30_000 })
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack.stop())

  const thrown = (attempt: Promise<unknown>): Promise<Thrown> => attempt.then(() => Promise.reject(new Error('it was served')), (error: Thrown) => error)
  const asked = (host: string) => stack.sandbox.host(host).log().filter(({ method, path }) => method === 'POST' && path !== '/api/show')

  describe.each([
    ['a context that the model has', 'tinyllama', 2_048, { options: { num_ctx: OPERATORS_CONTEXT }, keep_alive: '10m' }],
    ['a context that the operator sets', 'llama3.2', OPERATORS_CONTEXT, { options: { num_ctx: OPERATORS_CONTEXT }, keep_alive: '10m' }],
    ['a context that the operator sets for the model', 'mistral:7b', 1_024, { options: { num_ctx: 1_024 }, keep_alive: -1 }],
  ])('%s', (_name, model, limit, loading) => {
    const used = limit + 100
    const content = words(used)

    it('OpenAI’s client', async () => {
      const error = await thrown(openai.chat.completions.create({ model, messages: [{ role: 'user', content }] }))
      expect(error).toBeInstanceOf(BadRequestError)
      expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'messages', message: expect.stringContaining(`maximum context length is ${limit} tokens. However, your messages resulted in ${used} tokens`), error: { context_length: limit, prompt_tokens: used } })
      expect(await thrown(openai.responses.create({ model, input: content }))).toMatchObject({ status: 400, code: 'context_length_exceeded' })
      expect(asked('ollama-us')).toEqual([])
    })

    it('Anthropic’s client', async () => {
      const error = await thrown(anthropic.messages.create({ model, max_tokens: 10, messages: [{ role: 'user', content }] }))
      expect(error).toBeInstanceOf(AnthropicBadRequest)
      expect(error).toMatchObject({ status: 400, error: { type: 'error', error: { type: 'invalid_request_error', code: 'context_length_exceeded', message: `prompt is too long: ${used} tokens > ${limit} maximum` } } })
      expect(asked('ollama-us')).toEqual([])
    })

    it.each([false, true])('Ollama’s client (stream: %s)', async (stream) => {
      const error = await thrown(ollama.chat({ model, messages: [{ role: 'user', content }], stream: stream as true }))
      expect(error).toMatchObject({ status_code: 400, message: expect.stringContaining(`${limit} tokens. However, your messages resulted in ${used}`) })
      expect(asked('ollama-us')).toEqual([])
    })

    it('what just fits is served, and whole', async () => {
      const answer = await openai.chat.completions.create({ model, messages: [{ role: 'user', content: words(limit - 20) }] })
      expect(answer.usage!.prompt_tokens).toBe(limit - 17)
      expect(asked('ollama-us').at(-1)!.body).toMatchObject({ truncate: false, shift: false, ...loading })
    })
  })

  it.each(SURFACES.flatMap(({ path, body }) => [true, false].map((stream) => [path, stream, body] as const)))('%s (stream: %s): refused before anything is sent, with both numbers', async (path, stream, body) => {
    const used = 2_048 + 100
    const response = await stack.post(path, tenant.key, JSON.parse(JSON.stringify(body('tinyllama', stream)).replace('one two', words(used))) as object)
    const text = await response.text()
    expect({ path, status: response.status, text }).toEqual({ path, status: 400, text: expect.stringMatching(/\b2048\b/) })
    expect(text).toMatch(new RegExp(`\\b${used}\\b`))
    expect(text).toContain('context_length_exceeded')
    expect(asked('ollama-us')).toEqual([])
  })

  it.each(['/v1/embeddings', '/api/embed', '/api/embeddings'])('%s: a text that is too long for the model is refused, never cut; many that fit are one call', async (path) => {
    const inputOf = (...texts: string[]) => (path === '/api/embeddings' ? { prompt: texts[0] } : { input: texts })
    const refused = await stack.post(path, tenant.key, { model: 'nomic-embed-text', ...inputOf(words(3_000)) })
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringMatching(/\b2048\b.*\b3000\b/)])
    expect(asked('ollama-us')).toEqual([])
    expect((await stack.post(path, tenant.key, { model: 'nomic-embed-text', ...inputOf(words(1_500), words(1_500)) })).status).toBe(200)
    expect(asked('ollama-us')).toMatchObject([{ path: '/api/embed', body: { truncate: false } }])
  })

  it('a host that counts more than we do refuses, and its numbers are told; nothing is billed', async () => {
    const asker = await stack.addTenant({ tier: 'enterprise' })
    const client = new OpenAI({ apiKey: asker.key, baseURL: `${stack.url}/v1`, maxRetries: 0 })
    for (const [host, model] of [['ollama-us', 'llama3.2'], ['openai-eu', 'gpt-4o-mini']] as const) {
      await stack.sandbox.host(host).set('too-long;needed=1519;ctx=256')
      expect(await thrown(client.chat.completions.create({ model, messages: [{ role: 'user', content: 'one two' }] }))).toMatchObject({ status: 400, code: 'context_length_exceeded', error: { context_length: 256, prompt_tokens: 1519 } })
    }
    await eventually(async () => expect((await usageOf(stack.owner, asker.id)).map(({ amount_pico: amount }) => amount)).toEqual([0n, 0n]), { timeoutMs: 20_000 })
    await atRest(redisUrl)
  })

  it('an Ollama host drops no older message to make the rest fit', async () => {
    const half = { role: 'user' as const, content: words(OPERATORS_CONTEXT / 2 - 2) }
    expect(await thrown(openai.chat.completions.create({ model: 'llama3.2', messages: [half, half] }))).toMatchObject({ status: 400, code: 'context_length_exceeded', error: { context_length: OPERATORS_CONTEXT, prompt_tokens: OPERATORS_CONTEXT + 2 } })
    expect(asked('ollama-us')).toHaveLength(1)
  })

  it('how models are loaded is the operator’s: a tenant’s num_ctx and keep_alive do not reach a host, and it is told', async () => {
    const answer = await ollama.chat({ model: 'llama3.2', messages: [{ role: 'user', content: 'one two' }], options: { num_ctx: 999_999 }, keep_alive: -1 })
    expect(asked('ollama-us').at(-1)!.body).toMatchObject({ options: { num_ctx: OPERATORS_CONTEXT }, keep_alive: '10m' })
    expect((answer as unknown as { warnings: string[] }).warnings[0]).toMatch(/num_ctx, keep_alive/)
  })

  describe('images', () => {
    const part = (url: string) => ({ type: 'image_url' as const, image_url: { url } })
    const show = (model: string, ...urls: string[]) => openai.chat.completions.create({ model, messages: [{ role: 'user', content: [...urls.map(part), { type: 'text', text: 'what is it' }] }] })
    const data = `data:image/png;base64,${PNG}`

    it('reach a model that sees, from every surface', async () => {
      await show('llava', data, data)
      expect(asked('ollama-us').at(-1)!.body).toMatchObject({ messages: [{ content: 'what is it', images: [PNG, PNG] }] })
      await anthropic.messages.create({ model: 'llava', max_tokens: 10, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] }] })
      expect(asked('ollama-us').at(-1)!.body).toMatchObject({ messages: [{ images: [PNG] }] })
      await ollama.chat({ model: 'llava', messages: [{ role: 'user', content: 'what is it', images: [PNG] }] })
      expect(asked('ollama-us').at(-1)!.body).toMatchObject({ messages: [{ images: [PNG] }] })
      // No list of OpenAI's says what a model can do: the provider judges.
      await show('gpt-4o-mini', 'https://example.org/a.png')
      expect(JSON.stringify(asked('openai-eu').at(-1)!.body)).toContain('https://example.org/a.png')
    })

    it('are refused for a model that does not, in each surface’s shape', async () => {
      expect(await thrown(show('tinyllama', data))).toMatchObject({ status: 400, code: 'image_refused', param: 'messages', message: expect.stringContaining('messages.0.content.0: model tinyllama does not take images') })
      expect(await thrown(anthropic.messages.create({ model: 'tinyllama', max_tokens: 10, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] }] }))).toMatchObject({ status: 400, error: { error: { type: 'invalid_request_error', code: 'image_refused' } } })
      expect(await thrown(ollama.chat({ model: 'tinyllama', messages: [{ role: 'user', content: 'x', images: [PNG] }] }))).toMatchObject({ status_code: 400, message: expect.stringContaining('does not take images') })
      expect(asked('ollama-us')).toEqual([])
    })

    it.each([
      ['more than 20', Array<string>(21).fill(data), 'at most 20'],
      ['a kind that is no image', ['data:text/html;base64,AA=='], 'image/png'],
      ['broken base64', ['data:image/png;base64,%%%'], 'base64'],
      ['more than 10 MiB', [`data:image/png;base64,${'A'.repeat(14_000_000)}`], 'larger'],
      ['a link without TLS', ['http://169.254.169.254/latest'], 'https'],
      ['a link with credentials', ['https://a:b@example.org/x.png'], 'https'],
      ['a file', ['file:///etc/passwd'], 'https'],
      ['nothing', [''], 'data URI'],
    ])('%s: 400 with the place, and nothing is sent', async (_name, urls, reason) => {
      expect(await thrown(show('gpt-4o-mini', ...urls))).toMatchObject({ status: 400, code: 'image_refused', message: expect.stringMatching(new RegExp(`messages\\.0\\.content\\.\\d+: .*${reason}`)) })
      expect(asked('openai-eu')).toEqual([])
    })

    it('links never go to the operator’s own hosts', async () => {
      expect(await thrown(show('llava', 'https://example.org/a.png'))).toMatchObject({ status: 400, code: 'unsupported_parameter', param: 'messages', message: expect.stringContaining('links are not fetched') })
      expect(asked('ollama-us')).toEqual([])
    })
  })
})
