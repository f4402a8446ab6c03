import { CatalogService } from '../../libs/catalog'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { usageOf } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const BODY_LIMIT = 64 * 1024
const SURFACES = ['/chat', '/v1/chat/completions', '/chat/completions'] as const
type Surface = (typeof SURFACES)[number]

const nested = (depth: number) => `{"message":"hi","options":{"x":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}}`
const valid = (surface: Surface, change: Record<string, unknown>) =>
  JSON.stringify(surface === '/chat' ? { message: 'hi', model: 'llama3.2', ...change } : { messages: [{ role: 'user', content: 'hi' }], model: 'llama3.2', ...change })

/** Name, body by surface, status, what the sentence says. */
const CASES: [string, (surface: Surface) => string, number, RegExp][] = [
  ['no body', () => '', 400, /body is empty|expected object/],
  ['text that is not JSON', () => 'hello', 400, /not valid JSON/],
  ['JSON that ends early', () => '{"message":"hi"', 400, /not valid JSON/],
  ['a trailing comma', () => '{"message":"hi",}', 400, /not valid JSON/],
  ['a list', () => '[]', 400, /expected object/],
  ['null', () => 'null', 400, /expected object/],
  ['a number', () => '7', 400, /expected object/],
  ['33 levels', () => nested(33), 400, /nested deeper than 32/],
  ['10 000 levels', () => nested(10_000), 400, /nested deeper than 32/],
  ['half a megabyte', () => valid('/chat', { message: 'x'.repeat(BODY_LIMIT) }), 413, new RegExp(`larger than the ${BODY_LIMIT} bytes`)],
  ['no message at all', () => '{"model":"llama3.2"}', 400, /message/],
  ['an empty list of messages', (surface) => valid(surface, { message: undefined, messages: [] }), 400, /messages: must hold at least one/],
  ['a role nobody has', (surface) => valid(surface, { message: undefined, messages: [{ role: 'root', content: 'x' }] }), 400, /messages\.0\.role/],
  ['content that is a number', (surface) => valid(surface, { message: undefined, messages: [{ role: 'user', content: 7 }] }), 400, /messages\.0\.content/],
  ['a model that is a list', (surface) => valid(surface, { model: ['llama3.2'] }), 400, /model/],
  ['a model name of 201 characters', (surface) => valid(surface, { model: 'm'.repeat(201) }), 400, /model: must be at most 200/],
  ['max_tokens 0', (surface) => valid(surface, { max_tokens: 0 }), 400, /max_tokens: must be at least 1/],
  ['max_tokens −1', (surface) => valid(surface, { max_tokens: -1 }), 400, /max_tokens: must be at least 1/],
  ['max_tokens 1.5', (surface) => valid(surface, { max_tokens: 1.5 }), 400, /max_tokens: must be a whole number/],
  ['max_tokens as text', (surface) => valid(surface, { max_tokens: '10' }), 400, /max_tokens/],
  ['max_tokens 2⁶⁴', (surface) => valid(surface, {}).replace(/}$/, ',"max_tokens":18446744073709551616}'), 400, /max_tokens/],
  ['max_tokens 1e400', (surface) => valid(surface, {}).replace(/}$/, ',"max_tokens":1e400}'), 400, /max_tokens/],
  ['temperature 3', (surface) => valid(surface, { temperature: 3 }), 400, /temperature/],
  ['stream as text', (surface) => valid(surface, { stream: 'true' }), 400, /stream/],
]

describe('a request that cannot be served', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hasWorker: false, env: { TOLLGATE_BODY_LIMIT_BYTES: String(BODY_LIMIT) } })
    tenant = await stack.addTenant()
  })
  afterAll(() => stack.stop())

  /** Sends it, and checks what every error has: a request id in head and body, JSON, no caching, the surface's form. */
  async function refused(surface: Surface, body: string, status: number, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
    const response = await stack.post(surface, tenant.key, body, headers)
    const text = await response.text()
    expect({ surface, status: response.status, text }).toEqual({ surface, status, text: status === response.status ? text : '' })
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const answer = JSON.parse(text) as Record<string, unknown> & { error: unknown }
    expect(answer.request_id).toBe(response.headers.get('x-request-id'))
    if (surface === '/chat') return { sentence: answer.error, ...answer }
    expect(Object.keys(answer.error as object)).toEqual(expect.arrayContaining(['message', 'type', 'param', 'code']))
    const { message } = answer.error as { message: string }
    if (surface === '/chat/completions') expect(answer.detail).toBe(message)
    return { ...answer, sentence: message }
  }

  describe.each(SURFACES)('on %s', (surface) => {
    it.each(CASES)('%s', async (_name, body, status, sentence) => {
      expect((await refused(surface, body(surface), status)).sentence).toMatch(sentence)
    })

    it('400: more messages than a chat may have', async () => {
      const messages = Array.from({ length: 2_001 }, () => ({ role: 'user', content: '' }))
      expect((await refused(surface, JSON.stringify({ model: 'llama3.2', messages: messages.map(({ role }) => ({ role })) }), 400)).sentence).toMatch(/at most 2000 messages/)
    })

    it('415: compressed bodies, whatever they unpack to', async () => {
      for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip']) await refused(surface, valid(surface, {}), 415, { 'content-encoding': encoding })
      expect((await stack.post(surface, tenant.key, valid(surface, {}), { 'content-encoding': 'identity' })).status).toBe(200)
    })

    it('200 or 400: keys that mean something to a prototype change nothing', async () => {
      const hostile = valid(surface, {}).replace(/}$/, ',"__proto__":{"isAdmin":true,"stream":true},"constructor":{"prototype":{"isAdmin":true}}}')
      const response = await stack.post(surface, tenant.key, hostile)
      expect([200, 400]).toContain(response.status)
      expect(response.headers.get('content-type')).toContain('application/json')
      expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
      expect(stack.sandbox.host('ollama-us').log().some(({ body }) => JSON.stringify(body).includes('isAdmin'))).toBe(false)
    })

    it('names the model: unknown, outside the tier, known on no live host', async () => {
      await stack.owner.query(`INSERT INTO model (name, display_name, origin) VALUES ('llama3.2:90b', 'x', 'operator') ON CONFLICT DO NOTHING`)
      await stack.gateways[0]!.get(CatalogService).refresh()
      const unknown = await refused(surface, valid(surface, { model: 'nope' }), surface === '/chat/completions' ? 400 : 404)
      expect(unknown.sentence).toBe(surface === '/chat/completions' ? 'Model nope not configured' : "Model 'nope' not found. Use /models to see available models.")
      expect(unknown.available_models).toEqual(['llama3.2', 'phi3'])
      const foreign = await refused(surface, valid(surface, { model: 'mistral:7b' }), 403)
      expect(foreign).toMatchObject({ sentence: 'Model mistral:7b not available in standard tier', available_in: ['premium', 'enterprise'] })
      const gone = await refused(surface, valid(surface, { model: 'llama3.2:90b' }), 503)
      expect(gone.sentence).toBe('Model llama3.2:90b not available')
      if (surface !== '/chat') expect([unknown, foreign, gone].map(({ error }) => (error as { param: string }).param)).toEqual(['model', 'model', 'model'])
    })
  })

  it('400: more than 50 000 elements', async () => {
    const big = await startStack({ redisUrl, hasWorker: false })
    const { key } = await big.addTenant()
    const response = await big.post('/chat', key, `{"message":"hi","options":{"x":[${'1,'.repeat(50_000)}1]}}`)
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('more than 50000 elements')])
    await big.stop()
  })

  it('400: fields that /chat does not know are named, each', async () => {
    const answer = await refused('/chat', valid('/chat', { modle: 'x', max_token: 5 }), 400)
    expect(answer.sentence).toMatch(/modle/)
    expect(answer.sentence).toMatch(/max_token/)
  })

  it('400: on OpenAI’s surface the parameter at fault is in `param`', async () => {
    for (const [change, param] of [[{ max_tokens: 0 }, 'max_tokens'], [{ n: 0 }, 'n'], [{ stream_options: { include_usage: true } }, 'stream_options']] as const) {
      const { error } = await refused('/v1/chat/completions', valid('/v1/chat/completions', change), 400)
      expect(error).toMatchObject({ type: 'invalid_request_error', param, code: 'invalid_request' })
    }
  })

  it('leaves no usage behind but for the calls that were served', async () => {
    const rows = await usageOf(stack.owner, tenant.id)
    const served = stack.sandbox.hosts.flatMap((host) => host.log()).filter(({ path }) => path.includes('chat'))
    expect(rows.map(({ status }) => status)).toEqual(served.map(() => 'completed'))
  })
})
