import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import { GatewayModule } from '../../apps/gateway/src/gateway.module'
import { createHttpApp } from '../../libs/platform/http'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { eventsIn, usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
const SHARED = 'shared'
const HOSTS = [
  { name: 'a-ollama', dialect: 'ollama', models: [SHARED, 'qwen3:8b', 'llava', 'phi3'] },
  { name: 'b-openai', dialect: 'openai', models: [SHARED, 'gpt-4o-mini'] },
  { name: 'c-router', dialect: 'openrouter', models: [SHARED, 'acme/wide:free', 'acme/ill'] },
  { name: 'd-vllm', dialect: 'vllm', models: [SHARED, 'vm'] },
  { name: 'e-llama', dialect: 'llamacpp', models: ['lm'] },
  { name: 'f-claude', dialect: 'anthropic', models: ['claude-x'] },
] as const

jest.setTimeout(120_000)

describe('providers', () => {
  let stack: Stack
  let tenant: SeededTenant
  const opened: NestFastifyApplication[] = []
  const host = (name: string) => stack.sandbox.host(name)
  const calls = (name: string) => host(name).log().filter(({ method, path }) => method === 'POST' && path !== '/api/show')
  const post = (body: object, url = stack.url, key = tenant.key) =>
    fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ messages: [{ role: 'user', content: 'one two' }], ...body }) })
  const servedBy = async (model: string, url?: string) => {
    const answer = await post({ model }, url)
    return answer.headers.get('x-tollgate-provider') ?? `${answer.status} ${((await answer.json()) as { error: { code: string } }).error.code}`
  }
  const gateway = async (env: object) => {
    const config = { ...stack.config, ...env }
    const app = await createHttpApp(GatewayModule.register(config), { config })
    await app.listen(0, '127.0.0.1')
    opened.push(app)
    return app.getUrl()
  }

  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: HOSTS.map((one) => ({ ...one, models: [...one.models], region: 'us-east', defaults: { gap: 0 } })) })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(async () => {
    for (const one of stack.sandbox.hosts) await one.reset()
  })
  afterAll(async () => {
    for (const app of opened) await app.close()
    await stack?.stop()
  })

  describe('what a model can do is what its provider says', () => {
    const facts = async () => {
      const { models } = (await (await fetch(`${stack.url}/models`, { headers: { authorization: `Bearer ${tenant.key}` } })).json()) as { models: { name: string; capabilities: Record<string, unknown> }[] }
      return Object.fromEntries(models.map(({ name, capabilities }) => [name, capabilities]))
    }

    it('Ollama’s /api/show, OpenRouter’s list, vLLM’s and llama.cpp’s context; nothing is guessed from a name', async () => {
      await eventually(async () => {
        const told = await facts()
        expect(told['qwen3:8b']).toMatchObject({ tools: true, thinking: true, vision: false, context_length: 40960 })
        expect(told.llava).toMatchObject({ vision: true, tools: false })
        expect(told.phi3).toMatchObject({ tools: false, vision: false, context_length: 131072 })
        expect(told['acme/wide:free']).toMatchObject({ tools: true, vision: false, context_length: 32768 })
        expect(told.vm).toMatchObject({ context_length: 32768 })
        expect(told.lm).toMatchObject({ context_length: 2048 })
        expect(told['gpt-4o-mini']).toEqual({ context_length: null, vision: false, tools: false, embedding: false, thinking: false })
      }, { timeoutMs: 30_000 })
      const shown = host('a-ollama').log().filter(({ path }) => path === '/api/show')
      expect(new Set(shown.map(({ body }) => (body as { model: string }).model)).size).toBe(shown.length)
    })
  })

  describe('a name goes to a provider', () => {
    it.each([
      ['openai:shared', 'openai'], ['openrouter/shared', 'openrouter'], ['vllm:shared', 'vllm'], ['ollama/shared:latest', 'ollama'],
      ['qwen3:8b', 'ollama'], ['acme/wide:free', 'openrouter'], ['openrouter:acme/wide:free', 'openrouter'], ['anthropic/claude-x', 'anthropic'],
      ['openai:qwen3:8b', '503 model_not_available'], ['nobody:shared', '404 model_not_found'], ['openai:', '404 model_not_found'],
    ])('%s: %s', async (name, provider) => expect(await servedBy(name)).toBe(provider))

    it.each([
      ['ollama', 'ollama'], ['openrouter', 'openrouter'],
      // None is preferred: equally healthy, near and loaded, the first by name.
      ['auto', 'ollama'],
    ])('PREFERRED_PROVIDER %s: %s, and what it does not hold goes to the others', async (PREFERRED_PROVIDER, provider) => {
      const url = await gateway({ PREFERRED_PROVIDER })
      expect([await servedBy(SHARED, url), await servedBy('gpt-4o-mini', url), await servedBy('openai:shared', url)]).toEqual([provider, 'openai', 'openai'])
    })
  })

  describe('OpenRouter', () => {
    const costOf = async (rid: string) =>
      eventually(async () => {
        const { rows } = await stack.owner.query<{ cost: string }>('SELECT cost_pico::text AS cost FROM provider_cost WHERE rid = $1', [rid])
        expect(rows).toHaveLength(1)
        return rows[0]!.cost
      }, { timeoutMs: 20_000 })

    it.each([
      [false, '0.1', '100000000000'], [true, '0.1', '100000000000'], [true, '0.2', '200000000000'], [false, '0.000423', '423000000'], [true, '0.00000012345', '123450'], [false, '1e-9', '1000'], [false, '0', '0'],
    ])('its cost is booked digit by digit (stream: %s, cost %s)', async (stream, cost, pico) => {
      await host('c-router').set(`cost;cost=${cost}`)
      const answer = await post({ model: 'acme/wide:free', stream })
      await answer.text()
      expect(await costOf(answer.headers.get('x-request-id')!)).toBe(pico)
    })

    it('its comments keep the line alive and reach nobody; usage comes unasked', async () => {
      await host('c-router').set('ping;every=1;count=3')
      const answer = await post({ model: 'acme/wide:free', stream: true })
      const text = await answer.text()
      expect(text).not.toContain('OPENROUTER')
      expect(eventsIn(text).at(-1)).toBe('[DONE]')
      expect(await usageRow(stack.owner, answer.headers.get('x-request-id')!)).toMatchObject({ usage_source: 'provider', completion_tokens: 11 })
    })

    it.each(['err-event-r', 'err-event-r;after=0'])('an error inside its stream is an error of ours and never a clean end (%s)', async (behaviour) => {
      await host('c-router').set(behaviour)
      const answer = await post({ model: 'acme/ill', stream: true })
      const text = await answer.text()
      const events = answer.status === 200 ? eventsIn(text) : [JSON.parse(text)]
      expect(events.at(-1)).toMatchObject({ error: { code: expect.stringMatching(/^(provider|stream|upstream)/) } })
      expect(text).not.toContain('[DONE]')
    })

    it('hears nothing of what would leave the tier or cost more, and the caller hears that', async () => {
      const answer = await post({ model: 'acme/wide:free', models: ['acme/dear'], provider: { order: ['dear'] }, route: 'fallback', plugins: [{ id: 'web' }], transforms: ['middle-out'], top_a: 0.1 })
      const heard = calls('c-router').at(-1)!.body as { plugins: unknown }
      // Of plugins only that none may leave out the middle of what is asked.
      expect([Object.keys(heard).filter((name) => /models|provider|route|plugins|transforms/.test(name)), heard.plugins]).toEqual([['plugins'], [{ id: 'context-compression', enabled: false }]])
      expect(((await answer.json()) as { warnings: string[] }).warnings).toEqual([expect.stringMatching(/"models".*"plugins"/), expect.stringContaining('"order"'), expect.stringContaining('sandbox')])
    })

    it('is told what may not become of the data; the operator’s own hosts need no telling; other clouds are not asked', async () => {
      const wish = { provider: { data_collection: 'deny', zdr: true, require_parameters: true, sort: 'price' } }
      expect((await post({ model: 'acme/wide:free', ...wish })).status).toBe(200)
      expect((calls('c-router').at(-1)!.body as { provider: unknown }).provider).toEqual({ data_collection: 'deny', zdr: true, require_parameters: true })
      expect((await post({ model: 'qwen3:8b', ...wish })).status).toBe(200)
      expect(calls('a-ollama').at(-1)!.body).not.toHaveProperty('provider')
      const refused = await post({ model: 'gpt-4o-mini', ...wish })
      expect([refused.status, await refused.json(), calls('b-openai')]).toEqual([400, expect.objectContaining({ error: expect.objectContaining({ code: 'unsupported_parameter', param: 'provider' }) }), []])
      const shared = await post({ model: SHARED, ...wish }, await gateway({ PREFERRED_PROVIDER: 'openai' }))
      expect(shared.headers.get('x-tollgate-provider')).not.toBe('openai')
      expect((await post({ model: 'gpt-4o-mini', provider: { data_collection: 'maybe' } })).status).toBe(400)
    })
  })

  it('vLLM keeps tenants’ prefix caches apart by a salt that names nobody and is the same at every gateway', async () => {
    const [other, url] = [await stack.addTenant({ tier: 'enterprise' }), await gateway({})]
    const saltOf = async (key: string, at: string) => {
      expect((await post({ model: 'vm' }, at, key)).status).toBe(200)
      return (calls('d-vllm').at(-1)!.body as { cache_salt: string }).cache_salt
    }
    const [mine, again, theirs] = [await saltOf(tenant.key, stack.url), await saltOf(tenant.key, url), await saltOf(other.key, url)]
    expect(mine).toMatch(/^[0-9a-f]{32}$/)
    expect([again, theirs === mine, JSON.stringify(calls('d-vllm').map(({ body }) => body)).includes(tenant.id)]).toEqual([mine, false, false])
    await post({ model: 'openai:shared' })
    expect(calls('b-openai').at(-1)!.body).not.toHaveProperty('cache_salt')
  })

  it('without ENABLE_FALLBACK the preferred provider alone is asked, also when it is ill; with it the others serve', async () => {
    const [alone, url] = [await gateway({ ENABLE_FALLBACK: false }), stack.url]
    await host('a-ollama').set('overloaded')
    for (let turn = 0; turn < 3; turn++) expect(await servedBy(SHARED, alone)).toMatch(/^503 /)
    expect(['b-openai', 'c-router', 'd-vllm'].flatMap(calls)).toEqual([])
    // What another gateway had in flight there is known by its last word, up to a second old.
    await eventually(async () => expect(await servedBy(SHARED, url)).toBe('openai'))
    expect(await servedBy('ollama:shared', url)).toMatch(/^503 /)
  })
})
