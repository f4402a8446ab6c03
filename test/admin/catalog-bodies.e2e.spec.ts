import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support/index'
import { startAdmin, type AdminApp } from './admin-app'

/** What product.md 3 promises of an entry; more fields may stand beside them. */
const ENTRY = ['name', 'display_name', 'description', 'version', 'base_model', 'modelfile', 'show_in_ui', 'auto_preload', 'labels', 'created_at', 'last_updated', 'status']

describe('the catalogue follows what hosts hold, in the bodies that were promised', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: [{ name: 'us-1', region: 'us-east', dialect: 'ollama', models: ['phi3'] }], env: { TOLLGATE_PROBE_INTERVAL_MS: '300' } })
    admin = await startAdmin({ TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('ops')
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const catalogue = async () => (await admin.call('GET', '/admin/models', { token })).body
  const call = async (method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) => {
    const reply = await admin.call(method, `/admin/models/${path}`, { token, body })
    return [reply.status, reply.body]
  }
  const listed = async () => ((await (await fetch(`${stack.url}/models`, { headers: { 'x-api-key': tenant.key } })).json()) as { models: { name: string }[] }).models.map(({ name }) => name)

  it('one document: default, models, base models and the same as a list', async () => {
    await call('POST', 'add', { name: 'ada', base_model: 'phi3' })
    await call('POST', 'add', { name: 'bob', base_model: 'nowhere:1b' })
    const body = await eventually(async () => {
      const found = await catalogue()
      expect(found.models.phi3).toMatchObject({ status: 'available', size: expect.any(Number), digests: [{ digest: expect.stringMatching(/^[0-9a-f]{64}$/), hosts: ['us-1'] }], drift: null })
      return found
    })
    expect(Object.keys(body).sort()).toEqual(['base_models', 'default_model', 'items', 'last_updated', 'models'])
    for (const item of Object.values<Record<string, unknown>>(body.models)) expect(Object.keys(item)).toEqual(expect.arrayContaining(ENTRY))
    expect(body.items).toEqual(Object.values(body.models))
    expect(body.base_models).toEqual({ phi3: { display_name: 'phi3', description: '', size: body.models.phi3.size, status: 'available' }, 'nowhere:1b': { display_name: 'nowhere:1b', description: '', size: null, status: 'missing' } })
    expect([body.models.ada.status, body.default_model]).toEqual(['pending', 'llama3.2'])
  })

  it('changes answer {status, message}, and what is missing 404 with its sentence', async () => {
    expect(await call('POST', 'add', { name: 'cleo' })).toEqual([201, { status: 'success', message: 'Model cleo added' }])
    expect(await call('PUT', 'cleo', { description: 'x' })).toEqual([200, { status: 'success', message: 'Model cleo updated' }])
    expect(await call('DELETE', 'cleo')).toEqual([200, { status: 'success', message: 'Model cleo removed' }])
    for (const [method, path] of [['PUT', 'cleo'], ['DELETE', 'cleo'], ['POST', 'cleo/preload'], ['POST', 'cleo/rollback'], ['PUT', 'cleo/copies']] as const)
      expect(await call(method, path, method === 'DELETE' ? undefined : path.endsWith('copies') ? { copies: [] } : {})).toMatchObject([404, { detail: 'Model cleo not found' }])
    expect(await call('POST', 'create/cleo', { modelfile: 'FROM' })).toMatchObject([400, { detail: expect.stringMatching(/^Failed to create model cleo: /) }])
  })

  it('a model that is hidden is listed to no tenant, and served all the same', async () => {
    await eventually(async () => expect(await listed()).toContain('phi3'))
    await call('PUT', 'phi3', { show_in_ui: false })
    await eventually(async () => expect(await listed()).not.toContain('phi3'))
    expect((await stack.post('/chat', tenant.key, { message: 'one', model: 'phi3' })).status).toBe(200)
    await call('PUT', 'phi3', { show_in_ui: true })
  })

  it('a model pulled behind our back appears without a restart, and one that is gone is missing', async () => {
    const host = stack.sandbox.host('us-1').baseUrl
    await fetch(`${host}/api/pull`, { method: 'POST', body: JSON.stringify({ model: 'tinyllama', stream: false }) })
    await eventually(async () => expect((await catalogue()).models.tinyllama).toMatchObject({ status: 'available', origin: 'discovered', hosts: ['us-1'], current_version: 1 }))
    await eventually(async () => expect(await listed()).toContain('tinyllama'))
    await fetch(`${host}/api/delete`, { method: 'DELETE', body: JSON.stringify({ model: 'tinyllama' }) })
    await eventually(async () => expect((await catalogue()).models.tinyllama).toMatchObject({ status: 'missing', hosts: [] }))
    expect((await stack.post('/chat', tenant.key, { message: 'one', model: 'tinyllama' })).status).toBe(503)
  })
})
