import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { CatalogService } from '../../libs/catalog'
import { RuleSetsService } from '../../libs/selection'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const HOSTS = [
  { name: 'ollama-us', region: 'us-east', dialect: 'ollama' as const, models: ['phi3', 'llama3.2', 'codellama:13b', 'qwen2.5:3b', 'llama3.1:70b', 'nomic-embed-text'] },
  { name: 'ollama-eu', region: 'eu-west', dialect: 'ollama' as const, models: ['phi3', 'qwen3:8b'] },
]
/** A chat on every surface that answers with text, with this model and text. */
const SURFACES: Record<string, (model: string, text: string) => object> = {
  '/chat': (model, message) => ({ model, message }),
  '/v1/chat/completions': (model, content) => ({ model, messages: [{ role: 'user', content }] }),
  '/chat/completions': (model, content) => ({ model, messages: [{ role: 'user', content }] }),
  '/v1/messages': (model, content) => ({ model, max_tokens: 50, messages: [{ role: 'user', content }] }),
  '/v1/responses': (model, input) => ({ model, input }),
  '/v1/completions': (model, prompt) => ({ model, prompt }),
  '/api/chat': (model, content) => ({ model, stream: false, messages: [{ role: 'user', content }] }),
  '/api/generate': (model, prompt) => ({ model, stream: false, prompt }),
}

/** Draws rules, tiers and keys; `FC_SEED=7` draws others. */
const SEED = 20_261_121

describe('smart selection', () => {
  let stack: Stack
  const tenants: SeededTenant[] = []
  let [free, standard, premium, enterprise] = tenants
  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: HOSTS })
    for (const tier of ['free', 'standard', 'premium', 'enterprise']) tenants.push(await stack.addTenant({ tier }))
    ;[free, standard, premium, enterprise] = tenants
  })
  afterAll(() => stack.stop())

  const ask = (tenant: SeededTenant, body: object) => stack.post('/chat/smart', tenant.key, body)
  const selectionOf = async (tenant: SeededTenant, body: object) => ((await (await ask(tenant, body)).json()) as { selection: unknown }).selection
  const asJson = (response: Response) => JSON.parse(response.headers.get('x-tollgate-selection')!) as { wanted: string; used: string; rule: string; reason: string }

  it('200: chooses by the default set, and says wanted, used, because', async () => {
    const response = await ask(premium!, { message: 'debug this please' })
    const body = (await response.json()) as { selection: object }
    expect({ status: response.status, ...body }).toMatchObject({ status: 200, model: 'codellama:13b', requested_model: 'auto', selection: { wanted: 'codellama:13b', used: 'codellama:13b', rule: 'task/code', reason: 'it has "debug"' } })
    expect(asJson(response)).toEqual(body.selection)
  })

  it('200: a choice outside the tier is replaced inside it', async () => {
    expect(await selectionOf(standard!, { message: 'debug this please' })).toEqual({ wanted: 'codellama:13b', used: 'llama3.2', rule: 'task/code', reason: 'it has "debug"; codellama:13b is not available in standard tier, so the default of rule set task is used' })
    expect(await selectionOf(free!, { message: 'debug this please' })).toEqual({ wanted: 'codellama:13b', used: 'phi3', rule: 'task/code', reason: 'it has "debug"; codellama:13b is not available in free tier, so the default of the free tier is used' })
  })

  it('200: a choice outside the key, on no host of the region, or that leads nowhere is replaced too', async () => {
    const narrow = await stack.addTenant({ tier: 'enterprise', key: { allowedModels: ['qwen2.5:*'] } })
    expect(await selectionOf(narrow, { message: 'debug' })).toMatchObject({ used: 'qwen2.5:3b', reason: expect.stringContaining('codellama:13b is not available for this API key, so the first model that can be used is used') })
    const european = await stack.addTenant({ tier: 'enterprise', homeRegion: 'eu-west', allowedRegions: ['eu-west'] })
    expect(await selectionOf(european, { message: 'debug' })).toMatchObject({ wanted: 'codellama:13b', used: 'phi3', reason: expect.stringContaining('is on no live host in the allowed regions') })
    expect(await selectionOf(enterprise!, { message: 'hi', rule_set: 'project', project: undefined })).toMatchObject({ rule: 'project/default', used: 'llama3.2' })
  })

  it('200: language by script, and language as given wins', async () => {
    const used = async (message: string, language?: string) => ((await selectionOf(enterprise!, { message, rule_set: 'language', language })) as { used: string }).used
    expect([await used('good morning'), await used('早上好'), await used('おはようございます'), await used('おはよう', 'chinese')]).toEqual(['llama3.2', 'qwen2.5:3b', 'qwen3:8b', 'qwen2.5:3b'])
  })

  it.each(Object.keys(SURFACES))('auto works on %s, with the choice in a header', async (path) => {
    const response = await stack.post(path, premium!.key, SURFACES[path]!('auto', 'debug this'))
    expect([response.status, response.headers.get('x-tollgate-model'), asJson(response).rule]).toEqual([200, 'codellama:13b', 'task/code'])
    const named = await stack.post(path, premium!.key, SURFACES[path]!('auto:complexity', 'what?'))
    expect([named.status, asJson(named)]).toEqual([200, { wanted: 'phi3', used: 'phi3', rule: 'complexity/simple', reason: 'it has "?" and it has fewer than 50 characters' }])
    const plain = await stack.post(path, premium!.key, SURFACES[path]!('phi3', 'debug this'))
    expect([plain.status, plain.headers.get('x-tollgate-selection')]).toEqual([200, null])
  })

  it('streams carry the choice in the head and in the last event', async () => {
    const response = await ask(premium!, { message: 'debug', stream: true })
    expect(asJson(response).used).toBe('codellama:13b')
    expect(await response.text()).toContain('"selection":{"wanted":"codellama:13b"')
  })

  it('the preset of a rule’s task reaches the host, unless the caller gave a temperature', async () => {
    const sent = () => stack.sandbox.hosts[0]!.log().findLast(({ body }) => body !== null)!.body as { options?: { temperature?: number } }
    await (await ask(premium!, { message: 'debug' })).json()
    expect(sent().options?.temperature).toBe(0.3)
    await (await ask(premium!, { message: 'debug', temperature: 1.5 })).json()
    expect(sent().options?.temperature).toBe(1.5)
    await (await ask(premium!, { message: 'hi' })).json()
    expect(sent().options?.temperature).toBeUndefined()
  })

  it('400: nothing to choose for, an unknown rule set, an unknown field', async () => {
    for (const body of [{}, { message: '' }, { message: ' \n ' }, { message: 'hi', rule_set: 'NO' }, { message: 'hi', ruleset: 'task' }]) expect((await ask(premium!, body)).status).toBe(400)
    const unknown = await ask(premium!, { message: 'hi', rule_set: 'none' })
    expect([unknown.status, await unknown.json()]).toMatchObject([400, { error: "Invalid request: there is no rule set 'none'. Use one of: complexity, language, project, task, token_budget.", code: 'invalid_request' }])
  })

  it('200: a message of nearly a megabyte is chosen for like any other', async () => {
    const response = await stack.post('/chat/smart', enterprise!.key, { message: `${'x'.repeat(900_000)} analyze`, max_tokens: 5 })
    expect([response.status, asJson(response).rule]).toEqual([200, 'task/analysis'])
  })

  it('404: an alias whose target has gone is reported, not followed', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`INSERT INTO alias (id, tenant_id, name, target) VALUES ($1, $4, 'old', 'older'), ($2, $4, 'older', 'gone'), ($3, $4, 'round', 'round')`, [randomUUID(), randomUUID(), randomUUID(), tenant.id])
    const answer = async (model: string) => {
      const response = await stack.post('/chat', tenant.key, { message: 'hi', model })
      return { status: response.status, ...((await response.json()) as object) }
    }
    expect(await answer('old')).toMatchObject({ status: 404, code: 'alias_broken', error: "Alias 'old' cannot be followed: gone is neither a model nor an alias (old → older → gone). Use /models to see available models; the operator can re-point the alias.", available_models: expect.arrayContaining(['phi3']) })
    expect(await answer('round')).toMatchObject({ status: 404, error: expect.stringContaining('it leads in a circle (round → round)') })
  })

  it('503: with no model at all for this caller', async () => {
    const nobody = await stack.addTenant({ tier: 'enterprise', allowedRegions: ['asia-pacific'], homeRegion: 'asia-pacific' })
    const response = await ask(nobody, { message: 'debug' })
    expect([response.status, await response.json()]).toMatchObject([503, { error: 'Model codellama:13b not available' }])
  })

  it('a tenant’s set stands in for the operator’s, for that tenant alone', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`INSERT INTO rule_set (id, tenant_id, name, is_default, rules, otherwise, changed_by) VALUES ($1, $2, 'mine', true, $3, '{"use": "llama3.1:70b"}', 'spec')`, [randomUUID(), tenant.id, JSON.stringify([{ name: 'ours', when: { any_words: ['tollgate'] }, use: 'qwen3:8b', task: 'creative' }])])
    expect(await selectionOf(tenant, { message: 'what is Tollgate?' })).toMatchObject({ used: 'qwen3:8b', rule: 'mine/ours' })
    expect(await selectionOf(tenant, { message: 'debug' })).toMatchObject({ used: 'llama3.1:70b', rule: 'mine/default' })
    expect(await selectionOf(tenant, { message: 'debug', rule_set: 'task' })).toMatchObject({ rule: 'task/code' })
    expect((await ask(premium!, { message: 'hi', rule_set: 'mine' })).status).toBe(400)
  })

  it('whatever rules, keys and tiers say, what answers is in the permitted set', async () => {
    const seed = Number(process.env.FC_SEED ?? SEED)
    const names = [...HOSTS.flatMap(({ models }) => models), 'gone', 'fast', 'coding', 'default', 'large', 'ollama:phi3']
    const wish = fc.record({ uses: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }), otherwise: fc.constantFrom(...names), tier: fc.constantFrom('free', 'standard', 'premium', 'enterprise'), allowed: fc.option(fc.subarray(['phi3', 'qwen2.5:*', 'codellama:*', 'llama3.2'], { minLength: 1 })), words: fc.integer({ min: 1, max: 12 }) })
    for (const [at, { uses, otherwise, tier, allowed, words }] of fc.sample(wish, { seed, numRuns: 40 }).entries()) {
      const tenant = await stack.addTenant({ tier, key: { allowedModels: allowed ?? undefined } })
      const rules = uses.map((use, i) => ({ name: `r${i}`, when: { fewer_words_than: (i + 1) * 3 }, use }))
      await stack.owner.query(`INSERT INTO rule_set (id, tenant_id, name, is_default, rules, otherwise, changed_by) VALUES ($1, $2, 'random', true, $3, $4, 'spec')`, [randomUUID(), tenant.id, JSON.stringify(rules), JSON.stringify({ use: otherwise })])
      const listed = (await (await fetch(`${stack.url}/models`, { headers: { 'x-api-key': tenant.key } })).json()) as { models: { name: string }[] }
      const permitted = listed.models.map(({ name }) => name)
      const response = await stack.post('/chat', tenant.key, { model: 'auto', message: Array(words).fill('w').join(' ') })
      const where = { seed, at, uses, otherwise, tier, allowed, words, permitted }
      if (permitted.length === 0) expect({ ...where, status: response.status }).toMatchObject({ status: 503 })
      else expect({ ...where, status: response.status, isPermitted: permitted.includes(asJson(response).used), isSame: asJson(response).used === response.headers.get('x-tollgate-model') }).toMatchObject({ status: 200, isPermitted: true, isSame: true })
    }
  })

  it('rules are taken up from the database without a restart', async () => {
    const rules = stack.gateways[0]!.get(RuleSetsService)
    await stack.owner.query(`UPDATE rule_set SET otherwise = '{"use": "qwen3:8b"}' WHERE tenant_id IS NULL AND name = 'complexity'`)
    await Promise.all([rules.refresh(), stack.gateways[0]!.get(CatalogService).refresh()])
    expect(await selectionOf(enterprise!, { message: 'Tell me more', rule_set: 'complexity' })).toMatchObject({ used: 'qwen3:8b' })
  })
})
