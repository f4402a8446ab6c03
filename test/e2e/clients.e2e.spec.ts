import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { CITY, CLIENTS, type RealClient } from './clients'
import { atRest } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const WORDS = 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'
const MODELS = [
  ['ollama-us', 'llama3.2', 'nomic-embed-text'],
  ['openai-eu', 'gpt-4o-mini', 'embed-eu'],
  // Anthropic has no embeddings.
  ['claude-eu', 'claude-haiku-4-5', null],
] as const
const ROWS = Object.entries(CLIENTS).flatMap(([name, client]) => MODELS.map(([host, model, embedder]) => ({ name, client, host, model, embedder })))

jest.setTimeout(60_000)

/**
 * The table that every release must fill: client × (chat, stream, tools, structured output, embeddings, 401, 403, 404, 429,
 * abort), each on a host that speaks the client's dialect and on those that speak another's.
 */
describe('real clients, unmodified', () => {
  let stack: Stack
  let tenant: SeededTenant
  let free: SeededTenant
  let busy: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2', 'nomic-embed-text'], defaults: { gap: 1 } },
        { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini', 'embed-eu'], defaults: { gap: 1 } },
        { name: 'claude-eu', region: 'eu-west', dialect: 'anthropic', models: ['claude-haiku-4-5'], defaults: { gap: 1 } },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    free = await stack.addTenant({ tier: 'free' })
    busy = await stack.addTenant({ tier: 'enterprise', key: { parallel: 1 } })
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })
  afterAll(() => stack.stop())

  const thrown = async (client: RealClient, key: string, model: string) => {
    const error: unknown = await client.chat({ url: stack.url, key, model }, 'one two').then((said) => ({ said }), (reason: unknown) => reason)
    const { message, responseBody } = error as Error & { responseBody?: string }
    // The AI SDK's Ollama provider keeps the body and says the status alone, as it does with Ollama itself.
    return { status: client.statusOf(error), message: `${message} ${responseBody ?? ''}` }
  }

  describe.each(ROWS)('$name, on $host', ({ client, host, model, embedder }) => {
    const upstream = () => stack.sandbox.host(host)
    const door = (more: object = {}) => ({ url: stack.url, key: tenant.key, model, ...more })
    const heard = () => upstream().log().at(-1)!.body as { format?: unknown; response_format?: { json_schema?: { schema?: unknown } }; output_config?: { format?: { schema?: unknown } } }

    it('chats, and tells the tokens', async () => {
      expect(await client.chat(door(), 'one two')).toEqual({ text: WORDS, input: 5, output: 11 })
    })

    it('streams piece by piece, and tells the tokens', async () => {
      const pieces: string[] = []
      expect(await client.stream(door(), 'one two', (text) => pieces.push(text))).toEqual({ text: WORDS, input: 5, output: 11 })
      expect([pieces.join(''), pieces.length > 5]).toEqual([WORDS, true])
    })

    it.each([false, true])('runs a tool and answers with its result (stream: %s)', async (streams) => {
      await upstream().set('tool')
      expect(await client.tools(door(), 'one two', streams)).toEqual({ cities: ['Paris'], text: expect.stringMatching(/w1/) })
      expect(upstream().log()).toHaveLength(2)
      expect(JSON.stringify(upstream().log()[1]!.body)).toContain('21 degrees')
    })

    it('gets an object by the schema it sent, and the host heard that schema', async () => {
      await upstream().set('json')
      expect(await client.structured(door(), 'one two')).toEqual({ city: expect.any(String) })
      const { format, response_format: response, output_config: output } = heard()
      expect(format ?? response?.json_schema?.schema ?? output?.format?.schema).toMatchObject({ type: 'object', properties: { city: { type: 'string' } }, required: CITY.required })
    })

    if (client.embed && embedder !== null) {
      it('gets the vector of a text, the one that every client gets', async () => {
        const [vector, reference] = [await client.embed!(door({ model: embedder }), 'one two'), await CLIENTS.openai!.embed!(door({ model: embedder }), 'one two')]
        expect(vector.length).toBeGreaterThan(10)
        expect(vector.map((value) => value.toFixed(4))).toEqual(reference.map((value) => value.toFixed(4)))
      })
    }

    it('throws what it throws at 401, 403, 404 and 429, with our sentence', async () => {
      expect(await thrown(client, 'tg_live_wrong', model)).toEqual({ status: 401, message: expect.stringMatching(/key/i) })
      expect(await thrown(client, free.key, model)).toEqual({ status: 403, message: expect.stringContaining('not available in free tier') })
      expect(await thrown(client, tenant.key, 'nope')).toEqual({ status: 404, message: expect.stringContaining("'nope' not found") })
      expect(upstream().log()).toEqual([])
      await upstream().set('ok;words=1000;gap=20')
      const leave = new AbortController()
      const held = client.stream(door({ key: busy.key }), 'one two', undefined, leave.signal).catch(() => undefined)
      try {
        await eventually(() => expect(upstream().stats().active).toBe(1))
        expect(await thrown(client, busy.key, model)).toEqual({ status: 429, message: expect.stringContaining('1 at once') })
        expect(upstream().log()).toHaveLength(1)
      } finally {
        leave.abort()
        await held
      }
      await eventually(() => expect(upstream().stats()).toMatchObject({ active: 0, aborted: 1 }))
    })

    it.each(client.isBoundToWholeCalls ? [true] : [true, false])('stops the host within a second when it aborts, by the host’s own log (stream: %s)', async (streams) => {
      await upstream().set('ok;words=1000;gap=20')
      const leave = new AbortController()
      let madeByThen = Infinity
      const go = () => {
        madeByThen = Math.min(madeByThen, upstream().log()[0]!.generated_tokens)
        leave.abort()
      }
      const call = streams ? client.stream(door(), 'one two', go, leave.signal) : client.chat(door(), 'one two', leave.signal)
      const ended = call.then(() => null, (error: unknown) => error)
      if (!streams) {
        await eventually(() => expect(upstream().stats().active).toBe(1))
        go()
      }
      await ended
      const [entry] = await eventually(() => {
        const log = upstream().log()
        expect(log).toMatchObject([{ end: 'aborted' }])
        return log
      }, { timeoutMs: 1_000 })
      // A token takes 20 ms: of a second there are so many, and fewer where the machine stood still.
      if (streams) expect(entry!.generated_tokens - madeByThen).toBeLessThanOrEqual(1_000 / 20)
      await atRest(redisUrl)
    })
  })
})
