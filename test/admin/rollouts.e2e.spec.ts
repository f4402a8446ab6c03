import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support/index'
import { startAdmin, type AdminApp, type Reply } from './admin-app'

const MODELFILE = `FROM phi3\nSYSTEM You are Ada.\nPARAMETER temperature 0.2\n`

describe('models on hosts', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      hosts: [
        { name: 'us-1', region: 'us-east', dialect: 'ollama', models: ['phi3'] },
        { name: 'eu-1', region: 'eu-west', dialect: 'ollama', models: ['phi3', 'mistral:7b'] },
        { name: 'cloud', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini'] },
      ],
    })
    admin = await startAdmin({ TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('ops')
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  beforeEach(async () => {
    for (const name of ['us-1', 'eu-1']) await stack.sandbox.host(name).set('ok')
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const post = (path: string, body: unknown = {}, as = token) => admin.call('POST', path, { token: as, body })
  const job = async (id: string) => (await admin.call('GET', `/admin/jobs/${id}`, { token })).body
  const over = (reply: Reply) =>
    eventually(async () => {
      expect(reply.status).toBe(202)
      const jobs = await Promise.all(reply.body.jobs.map(({ id }: { id: string }) => job(id)))
      for (const { finished_at } of jobs) expect(finished_at).not.toBeNull()
      return jobs
    }, { timeoutMs: 20_000 })
  const chat = async (model: string) => (await stack.post('/chat', tenant.key, { message: 'one two', model })).status
  const entry = async (name: string) => (await admin.call('GET', '/admin/models', { token })).body.models[name]

  it('pulls one onto the hosts of a region, and it is served there without a restart', async () => {
    expect(await chat('qwen2.5:3b')).toBe(404)
    const reply = await post('/admin/models/pull', { model: 'qwen2.5:3b', regions: ['us-east'] })
    expect(reply.body).toMatchObject({ status: 'success', message: 'Model qwen2.5:3b is being pulled onto 1 host', jobs: [{ kind: 'pull', host: 'us-1', model: 'qwen2.5:3b' }] })
    expect(await over(reply)).toEqual([expect.objectContaining({ state: 'succeeded', error: null, attempts: 1, progress: expect.anything() })])
    await eventually(async () => expect(await chat('qwen2.5:3b')).toBe(200), { timeoutMs: 10_000 })
    expect(await entry('qwen2.5:3b')).toMatchObject({ status: 'available', hosts: ['us-1'] })
  })

  it('tells how far it is, as events until it is over', async () => {
    await stack.sandbox.host('us-1').set('pull;rate=1000;total=4000')
    const { body } = await post('/admin/models/pull', { model: 'gemma2:2b', hosts: ['us-1'] })
    await eventually(async () => expect((await job(body.jobs[0].id)).progress).toMatchObject({ status: expect.stringMatching(/^pulling /), total: 4000, percent: expect.any(Number) }), { timeoutMs: 10_000 })
    expect(await entry('gemma2:2b')).toMatchObject({ status: 'pulling' })
    const events = await admin.app.inject({ url: `/admin/jobs/${body.jobs[0].id}/events`, headers: { authorization: `Bearer ${token}` } })
    const states = [...events.payload.matchAll(/^data: (\{.*\})$/gm)].map(([, text]) => JSON.parse(text!) as { state: string })
    expect(states.length).toBeGreaterThan(1)
    expect(states.at(-1)).toMatchObject({ state: 'succeeded' })
    expect(states.at(-1)).toEqual(await job(body.jobs[0].id))
    expect(events.payload).toMatch(/data: \[DONE\]\n\n$/)
  })

  it('queues the same work once', async () => {
    await stack.sandbox.host('us-1').set('pull-stall')
    const [first, second] = [await post('/admin/models/pull', { model: 'tinyllama', hosts: ['us-1'] }), await post('/admin/models/pull', { model: 'tinyllama:latest', hosts: ['us-1'] })]
    expect(second.body.jobs[0].id).toBe(first.body.jobs[0].id)
    await post(`/admin/jobs/${first.body.jobs[0].id}/cancel`)
  })

  it('cancels a pull, which ends it on the host', async () => {
    await stack.sandbox.host('us-1').set('pull-stall')
    const { body } = await post('/admin/models/pull', { model: 'qwen3:8b', hosts: ['us-1'] })
    const { id } = body.jobs[0]
    await eventually(async () => expect((await job(id)).state).toBe('running'), { timeoutMs: 10_000 })
    expect((await post(`/admin/jobs/${id}/cancel`)).body).toMatchObject({ state: 'cancelled', error: null })
    await eventually(() => expect(stack.sandbox.host('us-1').stats().active).toBe(0), { timeoutMs: 10_000 })
    expect((await job(id)).state).toBe('cancelled')
  })

  it('fails at once what the host says is nowhere, with its words', async () => {
    expect(await over(await post('/admin/models/pull', { model: 'nope:1b', hosts: ['eu-1'] }))).toEqual([expect.objectContaining({ state: 'failed', attempts: 1, error: 'pull model manifest: file does not exist' })])
    expect(await entry('nope:1b')).toMatchObject({ status: 'failed' })
  })

  it('begins again what broke', async () => {
    await stack.sandbox.host('eu-1').set('refuse')
    const { body } = await post('/admin/models/pull', { model: 'codellama:13b', hosts: ['eu-1'] })
    await eventually(async () => expect(await job(body.jobs[0].id)).toMatchObject({ state: 'queued', attempts: 1, error: expect.stringContaining('could not be reached') }), { timeoutMs: 10_000 })
    await stack.sandbox.host('eu-1').set('ok')
    await eventually(async () => expect(await job(body.jobs[0].id)).toMatchObject({ state: 'succeeded', attempts: 2, error: null }), { timeoutMs: 15_000 })
  })

  it('creates one from a Modelfile on every host that holds its base, and keeps the Modelfile', async () => {
    const jobs = await over(await post('/admin/models/create/ada', { modelfile: MODELFILE }))
    expect(jobs.map(({ host, state }: { host: string; state: string }) => [host, state]).sort()).toEqual([['eu-1', 'succeeded'], ['us-1', 'succeeded']])
    const sent = stack.sandbox.host('eu-1').log().find(({ path }) => path === '/api/create')!
    expect(sent.body).toEqual({ model: 'ada', from: 'phi3', system: 'You are Ada.', parameters: { temperature: 0.2 }, stream: true })
    await eventually(async () => expect(await chat('ada')).toBe(200), { timeoutMs: 10_000 })
    expect(await entry('ada')).toMatchObject({ status: 'available', base_model: 'phi3', modelfile: MODELFILE, hosts: ['eu-1', 'us-1'] })
    expect((await over(await post('/admin/models/create/ada', { hosts: ['us-1'] }))).length).toBe(1)
  })

  it('deletes one from every host that holds it, and it is served no more', async () => {
    await over(await post('/admin/models/ada/delete'))
    await eventually(async () => expect(await chat('ada')).toBe(503), { timeoutMs: 10_000 })
    expect(await entry('ada')).toMatchObject({ status: 'missing', hosts: [] })
  })

  it('loads one to stay in memory, with the context its calls will have', async () => {
    await stack.owner.query(`UPDATE model SET num_ctx = 2048 WHERE name = 'mistral:7b'`)
    await over(await post('/admin/models/mistral:7b/preload'))
    const { models } = (await (await fetch(`${stack.sandbox.host('eu-1').baseUrl}/api/ps`)).json()) as { models: { name: string; expires_at: string }[] }
    expect(models.find(({ name }) => name === 'mistral:7b')!.expires_at).toMatch(/^2[3-9]\d\d-/)
    expect(stack.sandbox.host('eu-1').log().findLast(({ body }) => (body as { keep_alive?: number } | null)?.keep_alive === -1)!.body).toMatchObject({ options: { num_ctx: 2_048 } })
  })

  it('keeps one warm that is marked so, and loads it again when its host dropped it', async () => {
    const isLoaded = async () => ((await (await fetch(`${stack.sandbox.host('us-1').baseUrl}/api/ps`)).json()) as { models: { name: string; expires_at: string }[] }).models.some(({ name, expires_at: until }) => name === 'phi3:latest' && /^2[3-9]\d\d-/.test(until))
    expect(await isLoaded()).toBe(false)
    await admin.call('PUT', '/admin/models/phi3', { token, body: { auto_preload: true } })
    await eventually(async () => expect(await isLoaded()).toBe(true), { timeoutMs: 20_000 })
    await fetch(`${stack.sandbox.host('us-1').baseUrl}/api/generate`, { method: 'POST', body: JSON.stringify({ model: 'phi3', keep_alive: 0 }) })
    expect(await isLoaded()).toBe(false)
    await eventually(async () => expect(await isLoaded()).toBe(true), { timeoutMs: 20_000 })
    await admin.call('PUT', '/admin/models/phi3', { token, body: { auto_preload: false } })
  })

  it.each<[string, object, number, unknown]>([
    ['/admin/models/create/bad', { modelfile: 'FROM phi3\nPARAMETER temprature 1\nADAPTER ./x' }, 400, { code: 'model_create_failed', detail: expect.stringMatching(/^Failed to create model bad: line 2: PARAMETER temprature is not known.* and 1 more\.$/), errors: [{ path: 'modelfile', message: expect.stringContaining('line 2') }, { path: 'modelfile', message: expect.stringContaining('line 3') }] }],
    ['/admin/models/create/bad', {}, 400, { detail: expect.stringContaining('no Modelfile is kept') }],
    ['/admin/models/create/bad', { modelfile: 'FROM unheard-of' }, 400, { detail: expect.stringContaining('not in the catalogue: pull it first') }],
    ['/admin/models/create/phi3', { modelfile: 'FROM phi3' }, 400, { detail: expect.stringContaining('FROM names phi3 itself') }],
    ['/admin/models/create/bad', { modelfile: 'FROM gpt-4o-mini' }, 400, { detail: expect.stringContaining('no host holds gpt-4o-mini') }],
    ['/admin/models/pull', { model: 'hf.co/a/b' }, 400, { errors: [{ path: 'model', message: expect.stringContaining("without a registry's host") }] }],
    ['/admin/models/pull', { model: 'phi3', hosts: ['cloud'] }, 400, { errors: [{ path: 'hosts', message: 'names cloud, where no enabled Ollama host is' }] }],
    ['/admin/models/pull', { model: 'phi3', regions: ['asia-pacific'] }, 400, { errors: [{ path: 'regions', message: 'names asia-pacific, where no enabled Ollama host is' }] }],
    ['/admin/models/pull', { model: 'phi3', where: 'all' }, 400, { errors: [{ path: 'where' }] }],
    ['/admin/models/unheard-of/preload', {}, 404, { detail: 'Model unheard-of not found' }],
    ['/admin/jobs/019a0000-0000-7000-8000-000000000001/cancel', {}, 404, { code: 'object_not_found' }],
  ])('refuses %s %j, and queues nothing', async (path, body, status, told) => {
    const before = (await admin.call('GET', '/admin/jobs', { token })).body.data.length
    expect(await post(path, body)).toMatchObject({ status, body: told })
    expect((await admin.call('GET', '/admin/jobs', { token })).body.data.length).toBe(before)
  })

  it('lists jobs, the newest first, by state and model, to whoever may read models', async () => {
    const support = await admin.personToken('support')
    const page = await admin.call('GET', '/admin/jobs?limit=2', { token: support })
    expect(page.body).toMatchObject({ data: [{}, {}], has_more: true, next: expect.any(String) })
    expect((await admin.call('GET', `/admin/jobs?limit=2&after=${page.body.next}`, { token: support })).body.data[0].id < page.body.data[1].id).toBe(true)
    for (const { state } of (await admin.call('GET', '/admin/jobs?state=failed', { token: support })).body.data) expect(state).toBe('failed')
    expect((await admin.call('GET', '/admin/jobs?model=ada', { token: support })).body.data.map(({ kind }: { kind: string }) => kind)).toContain('delete')
    expect((await post('/admin/models/pull', { model: 'phi3' }, support)).status).toBe(403)
  })
})
