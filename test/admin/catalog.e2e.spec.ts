import { Client } from 'pg'
import { startAdmin, type AdminApp } from './admin-app'

describe('catalogue, prices and tiers', () => {
  let admin: AdminApp
  let token: string
  beforeAll(async () => {
    admin = await startAdmin()
    token = await admin.personToken('owner')
    await admin.call('POST', '/admin/tenants', { token, body: { slug: 'acme', name: 'Acme', tier: 'standard', home_region: 'us-east' } })
  })
  afterAll(() => admin.stop())

  const call = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, body?: unknown) => admin.call(method, url, { token, body })

  describe('models', () => {
    it('are added, changed and removed with {status, message}; unknown flags are kept as labels', async () => {
      expect((await call('POST', '/admin/models/add', { name: 'jamie:latest', base_model: 'llama3.2', is_jamie_model: true })).body).toEqual({ status: 'success', message: 'Model jamie added' })
      expect((await call('POST', '/admin/models/add', { name: 'llama3.2' })).status).toBe(201)
      expect((await call('PUT', '/admin/models/jamie', { display_name: 'Jamie', is_fast: false })).body).toEqual({ status: 'success', message: 'Model jamie updated' })
      const { body } = await call('GET', '/admin/models')
      expect(Object.keys(body).sort()).toEqual(['base_models', 'default_model', 'items', 'last_updated', 'models'])
      expect(body.default_model).toBe('llama3.2')
      expect(body.models.jamie).toMatchObject({ name: 'jamie', display_name: 'Jamie', base_model: 'llama3.2', modelfile: null, show_in_ui: true, auto_preload: false, labels: { is_jamie_model: true, is_fast: false }, is_jamie_model: true, status: 'pending' })
      expect(body.base_models['llama3.2']).toEqual({ display_name: 'llama3.2', description: '', size: null, status: 'pending' })
      expect(body.items.map((item: { name: string }) => item.name)).toEqual(['jamie', 'llama3.2'])
      expect((await call('DELETE', '/admin/models/jamie')).body).toEqual({ status: 'success', message: 'Model jamie removed' })
    })

    it('say how Ollama hosts load them and whether a call may be made twice', async () => {
      const stored = async () => (await call('GET', '/admin/models')).body.models.tuned
      expect((await call('POST', '/admin/models/add', { name: 'tuned', num_ctx: 8_192, keep_alive: -1, retry_ambiguous: true })).status).toBe(201)
      expect(await stored()).toMatchObject({ num_ctx: 8_192, keep_alive: '-1', retry_ambiguous: true })
      expect((await call('PUT', '/admin/models/tuned', { num_ctx: null, keep_alive: '1h30m' })).status).toBe(200)
      expect(await stored()).toMatchObject({ num_ctx: null, keep_alive: '1h30m', retry_ambiguous: true })
      for (const wrong of [{ num_ctx: 0 }, { num_ctx: '8192' }, { keep_alive: 'soon' }, { keep_alive: 1.5 }, { retry_ambiguous: 'yes' }]) {
        expect((await call('PUT', '/admin/models/tuned', wrong)).body).toMatchObject({ status: 400, errors: [{ path: Object.keys(wrong)[0] }] })
      }
      await call('DELETE', '/admin/models/tuned')
    })

    it('keep a context length that an operator wrote, and give it back with null', async () => {
      const owner = new Client({ connectionString: admin.database.ownerUrl })
      await owner.connect()
      const isSet = async () => (await owner.query(`SELECT is_context_set FROM model WHERE name = 'tuned'`)).rows[0].is_context_set
      await call('POST', '/admin/models/add', { name: 'tuned' })
      expect(await isSet()).toBe(false)
      for (const [body, fact] of [[{ context_length: 4_096 }, true], [{ description: 'x' }, true], [{ context_length: null }, false]] as const) {
        await call('PUT', '/admin/models/tuned', body)
        expect(await isSet()).toBe(fact)
      }
      await owner.end()
      await call('DELETE', '/admin/models/tuned')
    })

    it('name models that stand in: of the catalogue, in canonical names, and never in a circle', async () => {
      expect((await call('POST', '/admin/models/add', { name: 'emergency' })).status).toBe(201)
      expect((await call('POST', '/admin/models/add', { name: 'lead', fallbacks: ['llama3.2:latest', 'emergency'] })).status).toBe(201)
      expect((await call('GET', '/admin/models')).body.models.lead.fallbacks).toEqual(['llama3.2', 'emergency'])
      const refusal = async (name: string, fallbacks: string[]) => (await call('PUT', `/admin/models/${name}`, { fallbacks })).body
      expect(await refusal('lead', ['emergency', 'nowhere'])).toMatchObject({ status: 400, errors: [{ path: 'fallbacks.1', message: 'nowhere is not a model of the catalogue; add it first' }] })
      expect(await refusal('emergency', ['lead'])).toMatchObject({ status: 400, errors: [{ path: 'fallbacks.0', message: 'lead falls back to emergency itself, a circle; take emergency out of its fallbacks first' }] })
      expect((await call('PUT', '/admin/models/lead', { fallbacks: Array(6).fill('emergency') })).status).toBe(400)
      expect((await call('PUT', '/admin/models/lead', { description: 'x' })).status).toBe(200)
      expect((await call('GET', '/admin/models')).body.models.lead.fallbacks).toEqual(['llama3.2', 'emergency'])
      expect((await call('PUT', '/admin/models/lead', { fallbacks: [] })).status).toBe(200)
      expect((await call('PUT', '/admin/models/emergency', { fallbacks: ['lead'] })).status).toBe(200)
      for (const name of ['lead', 'emergency']) expect((await call('DELETE', `/admin/models/${name}`)).status).toBe(200)
    })

    it('answer 404 with the sentence for a missing one, 409 for a second', async () => {
      expect((await call('PUT', '/admin/models/no%2Fsuch:1b', {})).body).toMatchObject({ status: 404, detail: 'Model no/such:1b not found' })
      expect((await call('POST', '/admin/models/add', { name: 'llama3.2:latest' })).status).toBe(409)
    })
  })

  describe('aliases', () => {
    it.each([
      ['a target that is nothing', { name: 'nowhere', target: 'no-such-model' }, 'target'],
      ['itself', { name: 'self', target: 'self' }, 'target'],
      ['the name of a model', { name: 'llama3.2', target: 'balanced' }, 'name'],
      ['a tier that is none', { name: 'x', target: 'llama3.2', tier: 'gold' }, 'tier'],
    ])('refuse %s', async (_name, body, path) => {
      expect((await call('POST', '/admin/aliases', body)).body).toMatchObject({ status: 400, errors: [{ path }] })
    })

    it('refuse a circle, and lean on the scopes below', async () => {
      expect((await call('POST', '/admin/aliases', { name: 'one', target: 'balanced' })).body).toEqual({ name: 'one', target: 'balanced', tier: null, scope: 'platform', leads_to: 'llama3.2', problem: null })
      expect((await call('POST', '/admin/aliases', { name: 'balanced', target: 'one' })).body.errors).toEqual([{ path: 'target', message: 'cannot be followed: it leads in a circle (balanced → one → balanced)' }])
      expect((await call('GET', '/admin/aliases')).body).toMatchObject({ data: expect.arrayContaining([{ name: 'one', target: 'balanced', tier: null, scope: 'platform', leads_to: 'llama3.2', problem: null }]), has_more: false, next: null })
      expect((await call('POST', '/admin/aliases', { name: 'two', target: 'one', tier: 'standard' })).body.scope).toBe('tier')
      expect((await call('POST', '/admin/tenants/acme/aliases', { name: 'mine', target: 'two' })).body.scope).toBe('tenant')
      expect((await call('GET', '/admin/tenants/acme/aliases')).body.data).toEqual([{ name: 'mine', target: 'two', tier: null, scope: 'tenant', leads_to: 'llama3.2', problem: null }])
      expect((await call('DELETE', '/admin/tenants/acme/aliases/mine')).status).toBe(204)
      expect((await call('DELETE', '/admin/tenants/acme/aliases/mine')).status).toBe(404)
    })
  })

  describe('prices', () => {
    const price = { model: 'llama3.2:latest', input_per_million: '0.15', output_per_million: '0.600001', source: 'spec' }

    it('come back as they were given; a later row supersedes without editing', async () => {
      const first = (await call('POST', '/admin/prices', { ...price, effective_at: '2026-01-01T00:00:00Z', per_request: '0.0001' })).body
      expect(first).toMatchObject({ model: 'llama3.2', input_per_million: '0.15', output_per_million: '0.600001', cached_input_per_million: null, per_request: '0.0001', free: false, effective_at: '2026-01-01T00:00:00.000Z' })
      await call('POST', '/admin/prices', { ...price, input_per_million: '0.2' })
      const page = (await call('GET', '/admin/prices?model=llama3.2&limit=1')).body
      expect(page).toMatchObject({ data: [{ id: first.id, input_per_million: '0.15' }], has_more: true, next: first.id })
      expect((await call('GET', `/admin/prices?model=llama3.2&limit=1&after=${page.next}`)).body).toMatchObject({ data: [{ input_per_million: '0.2' }], has_more: false, next: null })
      for (const method of ['PUT', 'PATCH', 'DELETE'] as const) expect((await call(method, `/admin/prices/${first.id}`, {})).status).toBe(404)
    })

    it.each([
      [{ input_per_million: 0.15 }, 'input_per_million'],
      [{ input_per_million: '0.1234567' }, 'input_per_million'],
      [{ input_per_million: '-1' }, 'input_per_million'],
      [{ input_per_million: '1e3' }, 'input_per_million'],
      [{ output_per_million: '12345678' }, 'output_per_million'],
      [{ per_request: '10001' }, 'per_request'],
      [{ currency: 'usd' }, 'currency'],
      [{ effective_at: '2026-01-01' }, 'effective_at'],
      [{ tenant: 'acme', currency: 'EUR' }, 'currency'],
      [{ region: 'mars' }, 'region'],
      [{ provider: 'nobody' }, 'provider'],
      [{ source: ' ' }, 'source'],
      [{ input_per_milion: '1' }, 'input_per_milion'],
    ])('refuse %j', async (change, path) => {
      expect((await call('POST', '/admin/prices', { ...price, ...change })).body).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ path, message: expect.any(String) }] })
    })
  })

  describe('tiers', () => {
    it('get a new version by PUT and keep the old ones', async () => {
      const { version: _version, created_at: _created, slug: _slug, older_versions: _older, ...free } = (await call('GET', '/admin/tiers/free')).body
      expect(free).toMatchObject({ max_budget: '1', models: ['phi3'], rpm_limit: 20, tpm_limit: 20000 })
      const changed = (await call('PUT', '/admin/tiers/free', { ...free, rpm_limit: 30, models: ['phi3:latest', 'tinyllama:*'] })).body
      expect(changed).toMatchObject({ version: 2, rpm_limit: 30, models: ['phi3', 'tinyllama:*'] })
      expect((await call('GET', '/admin/tiers/free')).body.older_versions).toHaveLength(1)
      expect((await call('GET', '/admin/tiers')).body.data.map((tier: { slug: string; version: number }) => `${tier.slug} ${tier.version}`)).toEqual(['enterprise 1', 'free 2', 'premium 1', 'standard 1'])
      expect((await call('PUT', '/admin/tiers/free', { ...free, default_model: 'gpt-4o' })).body.errors[0].path).toBe('default_model')
    })

    it('let billing change money only, and ops everything else', async () => {
      const { version: _version, created_at: _created, slug: _slug, older_versions: _older, ...tier } = (await call('GET', '/admin/tiers/standard')).body
      const [billing, ops] = [await admin.personToken('billing'), await admin.personToken('ops')]
      const put = (as: string, change: object) => admin.call('PUT', '/admin/tiers/standard', { token: as, body: { ...tier, ...change } }).then((reply) => reply.status)
      expect([await put(billing, { max_budget: '60' }), await put(billing, { max_budget: '60', rpm_limit: 1 }), await put(ops, { max_budget: '60', rpm_limit: 5 }), await put(ops, { max_budget: '70' })]).toEqual([200, 403, 200, 403])
    })
  })

  it.each<[string, string, object, string[]]>([
    ['POST', '/admin/tenants', { slug: 'Bad Slug', name: '', tier: 'gold', home_region: 'us-east', max_budget: 10, color: 'red' }, ['color', 'max_budget', 'name', 'slug']],
    ['POST', '/admin/tenants', { slug: 'ok', name: 'x', tier: 'gold', home_region: 'mars', time_zone: 'Mars/Base' }, ['home_region', 'tier', 'time_zone']],
    ['POST', '/admin/tenants', { slug: 'ok', name: 'x', tier: 'free', home_region: 'us-east', allowed_regions: ['eu-west'] }, ['allowed_regions']],
    ['POST', '/admin/tenants/acme/keys', { name: 'k', rpm_limit: 0, expires_at: 'soon', ip_cidrs: ['10.0.0.0/33'], scopes: ['admin'], allowed_models: ['*a'] }, ['allowed_models.0', 'expires_at', 'ip_cidrs.0', 'rpm_limit', 'scopes.0']],
    ['POST', '/admin/tenants/acme/keys', { name: 'k', allowed_regions: ['mars'] }, ['allowed_regions']],
    ['POST', '/admin/tenants/acme/projects', { slug: 'x', name: 'y', max_budget: '1e9' }, ['max_budget']],
    ['POST', '/admin/accounts', { email: 'a@b.example', password: 'short', role: 'admin' }, ['password', 'role']],
    ['POST', '/admin/hosts', { name: 'h', region: 'us-east', provider: 'nobody', base_url: 'http://127.0.0.1:1' }, ['provider']],
    ['POST', '/admin/hosts', { name: 'h', region: 'mars', provider: 'ollama', base_url: 'http://127.0.0.1:1', is_sandbox: true }, ['is_sandbox']],
  ])('%s %s names every problem of %j', async (method, url, body, paths) => {
    const reply = await call(method as 'POST', url, body)
    expect(reply.status).toBe(400)
    expect(reply.headers['content-type']).toContain('application/problem+json')
    expect(reply.body.errors.map((error: { path: string }) => error.path).sort()).toEqual(paths)
  })

  it.each([
    'http://169.254.169.254', 'http://2852039166/', 'http://0xa9fea9fe', 'http://[::ffff:169.254.169.254]', 'http://[fd00:ec2::254]', 'http://metadata.google.internal', 'http://100.100.100.200',
    'http://10.0.0.1:11434', 'http://192.168.1.1', 'http://172.16.0.1', 'http://[64:ff9b::a00:1]', 'http://[2002:a00:1::]', 'http://0.0.0.0', 'http://224.0.0.1', 'http://93.184.216.34:22', 'ftp://93.184.216.34',
    'file:///etc/passwd', 'http://user:pass@93.184.216.34', 'http://93.184.216.34/?x=1', 'not a url',
  ])('refuses a host at %s before it is stored or called', async (base_url) => {
    const reply = await call('POST', '/admin/hosts', { name: 'evil', region: 'us-east', provider: 'ollama', base_url })
    expect(reply.body).toMatchObject({ status: 400, code: 'host_refused', errors: [{ path: 'base_url' }] })
    expect((await call('GET', '/admin/hosts/evil')).status).toBe(404)
  })

  it('adds regions, whose distances hold both ways', async () => {
    expect((await call('POST', '/admin/regions', { slug: 'ap-south', name: 'Mumbai', distances_ms: { 'eu-west': 120 } })).body).toEqual({ slug: 'ap-south', name: 'Mumbai', distances_ms: { 'eu-west': 120 } })
    const { data } = (await call('GET', '/admin/regions')).body
    expect(data).toEqual(expect.arrayContaining([{ slug: 'ap-south', name: 'Mumbai', distances_ms: { 'eu-west': 120 } }, expect.objectContaining({ slug: 'eu-west', distances_ms: expect.objectContaining({ 'ap-south': 120 }) })]))
    expect((await call('POST', '/admin/regions', { slug: 'far', name: 'Far', distances_ms: { mars: 1 } })).body.errors).toEqual([{ path: 'distances_ms.mars', message: 'is not a region' }])
  })

  it('pages lists by cursor', async () => {
    for (const slug of ['p1', 'p2', 'p3']) await call('POST', '/admin/tenants/acme/projects', { slug, name: slug })
    const first = (await call('GET', '/admin/tenants/acme/projects?limit=2')).body
    expect(first).toMatchObject({ data: [{ slug: 'p1' }, { slug: 'p2' }], has_more: true })
    expect((await call('GET', `/admin/tenants/acme/projects?limit=2&after=${first.next}`)).body).toMatchObject({ data: [{ slug: 'p3' }], has_more: false, next: null })
    expect((await call('GET', '/admin/tenants/acme/projects?limit=0')).body.errors[0].path).toBe('limit')
    expect((await call('GET', '/admin/tenants/acme/projects?offset=1')).body.errors[0].path).toBe('offset')
    expect((await call('POST', '/admin/tenants/acme/projects', { slug: 'p1', name: 'again' })).body.code).toBe('object_conflict')
  })

  it('shows a developer only the keys they made', async () => {
    const { id } = (await call('GET', '/admin/tenants/acme')).body
    const [one, other] = [await admin.personToken('developer', id), await admin.personToken('developer', id)]
    const key = (await admin.call('POST', '/admin/tenants/acme/keys', { token: one, body: { name: 'mine' } })).body
    expect((await admin.call('GET', '/admin/tenants/acme/keys', { token: one })).body.data.map((item: { id: string }) => item.id)).toEqual([key.id])
    expect((await admin.call('GET', '/admin/tenants/acme/keys', { token: other })).body.data).toEqual([])
    for (const [method, url, body] of [['GET', '', undefined], ['DELETE', '', undefined], ['POST', '/rotate', { overlap_seconds: 0 }]] as const)
      expect((await admin.call(method, `/admin/tenants/acme/keys/${key.id}${url}`, { token: other, body })).status).toBe(404)
  })
})
