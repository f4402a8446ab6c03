import { Client } from 'pg'
import { startAdmin, type AdminApp } from './admin-app'

/** Draws the files; `CONFIG_SEED=7` draws others. */
const SEED = 20_261_121
const FILES = 80
const MODELS = ['phi3', 'llama3.2', 'new-a', 'new-b', 'new-c']
const TABLES = ['tier', 'model', 'alias', 'host', 'price', 'prompt', 'tenant', 'project']

describe("the operator's file, whatever it says", () => {
  let admin: AdminApp
  let token: string
  let owner: Client
  beforeAll(async () => {
    admin = await startAdmin()
    owner = new Client({ connectionString: admin.database.ownerUrl })
    await owner.connect()
    token = await admin.personToken('owner')
  })
  afterAll(async () => {
    await owner?.end()
    await admin?.stop()
  })

  const rows = async () => {
    const found: unknown[] = []
    for (const table of TABLES) found.push((await owner.query(`SELECT * FROM ${table} ORDER BY 1, 2`)).rows)
    return JSON.stringify(found, (key, value: unknown) => (/probe|updated|auth_epoch|status$/.test(key) ? undefined : value))
  }

  it('is made whole or not at all, and once: what is refused has changed nothing, what was applied leaves nothing to do', async () => {
    const seed = Number(process.env.CONFIG_SEED ?? SEED)
    let state = seed || 1
    const below = (most: number) => (state = (state * 48_271) % 2_147_483_647) % most
    const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
    const maybe = <T>(make: () => T): T | undefined => (below(3) === 0 ? make() : undefined)
    /** Now and then what will not do. */
    const odd = <T>(good: T, ...bad: readonly T[]): T => (below(50) === 0 ? pick(bad) : good)
    const subset = <T>(from: readonly T[]): T[] => from.filter(() => below(3) === 0)
    const model = (more: readonly string[] = []) => odd(pick([...MODELS, ...more]), 'nowhere', ':latest', ' ', 'x*', 'n\0l', 'h\ud800f')
    const tier = () => odd(pick(['free', 'standard', 'silver']), 'none', 'NO')
    const region = () => odd(pick(['us-east', 'eu-west']), 'moon')
    const money = () => odd(pick(['1', '12.5', '999999999.999999999999']), '-1', '1e9', '1000000000')
    const file = (at: number) => {
      const fresh = [`m-${at}`, `n-${at}`].slice(below(3))
      const tiers = subset(['silver', 'gold', 'standard'])
      const tenants = subset(['acme', 'fresh', `t-${at}`])
      const [first, ...others] = below(2) === 0 ? MODELS : [...MODELS].reverse()
      return {
        prices: subset(MODELS).map((priced) => ({ model: odd(priced, '*'), provider: maybe(() => odd(pick(['ollama', 'openai']), 'nobody')), tenant: maybe(() => odd(tenants[0], 'nobody')), tier: maybe(tier), currency: maybe(() => odd('USD', 'EUR')), input_per_million: pick(['0', '0.15', '9999999.999999']), output_per_million: '1', per_request: maybe(() => pick(['0', '0.5'])), effective_at: maybe(() => pick(['2026-01-01T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])), source: 'spec' })),
        aliases: subset(['one', 'two', 'three', odd('four', 'phi3', ':latest', '')]).map((name) => ({ name, target: odd(pick([model(fresh), 'default']), 'one', 'nothing'), ...pick([{}, {}, { tier: tiers[0] ?? 'free' }, { tenant: tenants[0] ?? odd('acme', 'nobody') }]) })),
        tenants: tenants.map((slug) => ({ slug, name: pick(['N', 'M']), tier: tiers[0] ?? tier(), home_region: region(), allowed_regions: ['us-east', 'eu-west'], currency: odd('USD', 'EUR'), time_zone: maybe(() => odd(pick(['UTC', 'Asia/Kolkata']), 'Mars/Base')), max_budget: maybe(money), preferred_model: maybe(() => model(fresh)), projects: subset(['lab', 'shop']).map((project) => ({ slug: project, name: 'P', default_model: maybe(model), max_budget: maybe(money) })) })),
        tiers: tiers.map((slug) => ({ slug, name: 'T', models: ['*', 'phi3'], regions: maybe(() => [region()]), rpm_limit: pick([null, 60]), tpm_limit: null, max_parallel_requests: pick([null, 8]), max_output_tokens: odd(100, 0), max_budget: maybe(money) ?? null, default_model: maybe(() => model(fresh)), features: maybe(() => ({ consensus: pick([true, 3, { deep: [null] }]) })) })),
        hosts: subset(['h-one', 'h-two']).map((name) => ({ name, region: region(), provider: odd('ollama', 'openai', 'nobody'), base_url: odd('http://127.0.0.1:1', 'http://169.254.169.254'), weight: pick([1, 2]), drain: true })),
        // All three at once change places; one alone may meet what another has.
        prompts: [[first], others.slice(0, 1), [others[1], ...fresh]].map((models, i) => ({ name: `p-${i}`, text: odd(pick(['hello', 'hello {{model}}']), '{{who}}'), models, merge: pick(['before', 'default']), temperature: pick([0.5, null]) })).slice(odd(0, 2)),
        models: [...fresh, ...subset(MODELS)].map((name) => ({ name, description: maybe(() => pick(['', 'x'])), fallbacks: maybe(() => [model(fresh)].filter((other) => other !== name)), labels: maybe(() => ({ team: pick(['a', null, 7, true]) })), parameters: maybe(() => ({ temperature: odd(1, 3) })), context_length: maybe(() => pick([1_000, null])), is_ours: maybe(() => true) })),
      }
    }
    const apply = (yaml: string) => admin.call('PUT', '/admin/config', { token, body: { yaml } })
    expect(await apply(JSON.stringify({ models: MODELS.map((name) => ({ name })), aliases: { default: 'phi3' } }))).toMatchObject({ status: 200 })
    const seen = { applied: 0, refused: 0, changes: 0 }
    for (let at = 0; at < FILES; at++) {
      // JSON is YAML, and says odd characters as escapes.
      const yaml = JSON.stringify(file(at))
      const before = await rows()
      const { status, body } = await apply(yaml)
      if (status === 200) {
        seen.applied++
        seen.changes += body.changes.length
        const again = await admin.call('POST', '/admin/config/diff', { token, body: { yaml } })
        expect({ seed, at, yaml, left: again.body.changes ?? again.body }).toEqual({ seed, at, yaml, left: [] })
      } else {
        seen.refused++
        expect({ seed, at, yaml, code: body.code, detail: body.detail }).toEqual({ seed, at, yaml, code: 'config_invalid', detail: expect.stringMatching(/line 1, column \d+/) })
        expect((await rows()) === before).toBe(true)
      }
    }
    expect(seen.applied).toBeGreaterThan(10)
    expect(seen.refused).toBeGreaterThan(10)
    expect(seen.changes).toBeGreaterThan(50)
  }, 120_000)
})
