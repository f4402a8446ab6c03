import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { redisTargets, startStack, type Stack } from '../support/index'
import { startAdmin, type AdminApp } from './admin-app'

/** The smallest Ollama: two models, one sentence. `shown` are the authorization headers it was sent. */
function startOllama(models: string[]): Promise<{ url: string; shown: Set<string>; server: Server }> {
  const shown = new Set<string>()
  const server = createServer((request, response) => {
    if (!request.headers.authorization) return response.writeHead(401).end()
    shown.add(request.headers.authorization)
    const send = (body: object) => response.writeHead(200, { 'content-type': request.url === '/api/chat' ? 'application/x-ndjson' : 'application/json' }).end(`${JSON.stringify(body)}\n`)
    if (request.url === '/api/version') return send({ version: '0.20.0' })
    if (request.url === '/api/tags') return send({ models: models.map((name) => ({ name, digest: `sha256:${name}`, size: 1000, details: { family: 'stub' } })) })
    request.resume().on('end', () => send({ model: models[0], message: { role: 'assistant', content: 'served' }, done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 1 }))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, shown, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })))
}

describe('a host added through the control plane', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let key: string
  let keyId: string
  let ollama: Awaited<ReturnType<typeof startOllama>>

  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: [], gateways: 2 })
    admin = await startAdmin({ TOLLGATE_KEY_PEPPER: stack.config.TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('owner')
    ollama = await startOllama(['llama3.2:latest', 'brand-new:1b'])
    await admin.call('POST', '/admin/tenants', { token, body: { slug: 'acme', name: 'Acme', tier: 'enterprise', home_region: 'eu-west' } })
    const issued = await admin.call('POST', '/admin/tenants/acme/keys', { token, body: { name: 'first' } })
    key = issued.body.key
    keyId = issued.body.id
  })
  afterAll(async () => {
    ollama.server.close()
    await admin.stop()
    await stack.stop()
  })

  const chat = (url: string, text: string, model = 'llama3.2') =>
    fetch(`${url}/chat`, { method: 'POST', headers: { authorization: `Bearer ${text}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model }) })

  it('serves a tenant of its region right after the reply, on every gateway, models of the host included', async () => {
    const added = await admin.call('POST', '/admin/hosts', { token, body: { name: 'stub', region: 'eu-west', provider: 'ollama', base_url: ollama.url, secret: 'sk-very-secret-1234' } })
    expect(added.status).toBe(201)
    expect(added.body).toMatchObject({ status: 'healthy', version: '0.20.0', drain: false, serving: true, secret_last4: '1234', models_found: ['brand-new:1b', 'llama3.2'], models_without_price: [], open_to_all: false, warnings: [] })
    expect(JSON.stringify(added.body)).not.toContain('very-secret')
    for (const url of stack.urls) {
      const reply = await chat(url, key, 'brand-new:1b')
      expect([reply.status, await reply.json()]).toMatchObject([200, { response: 'served', host: 'stub', region: 'eu-west' }])
    }
    expect([...ollama.shown]).toEqual(['Bearer sk-very-secret-1234'])
  })

  it('is described by list and read, without its secret', async () => {
    const { body } = await admin.call('GET', '/admin/hosts/stub', { token })
    expect(body).toMatchObject({ name: 'stub', health: { status: 'healthy', last_error: null }, models: [{ name: 'brand-new:1b' }, { name: 'llama3.2', upstream_name: 'llama3.2:latest', size: 1000 }] })
    expect(body).not.toHaveProperty('secret')
    expect((await admin.call('GET', '/admin/models', { token })).body.models['brand-new:1b']).toMatchObject({ status: 'available', hosts: ['stub'] })
  })

  it('is kept in drain, with its error and a warning, when it does not answer', async () => {
    const { status, body } = await admin.call('POST', '/admin/hosts', { token, body: { name: 'dead', region: 'us-east', provider: 'ollama', base_url: 'http://127.0.0.1:9' } })
    expect(status).toBe(201)
    expect(body).toMatchObject({ status: 'unhealthy', drain: true, serving: false, health: { last_error: expect.any(String) }, warnings: [expect.stringContaining('/admin/hosts/dead/probe')] })
    expect(await admin.call('POST', '/admin/hosts/dead/probe', { token })).toMatchObject({ status: 200, body: { drain: true, serving: false, models_found: [], warnings: [expect.any(String)] } })
    expect((await admin.call('POST', '/admin/hosts/stub/probe', { token })).body).toMatchObject({ drain: false, serving: true, models_found: ['brand-new:1b', 'llama3.2'], warnings: [] })
  })

  it('does not send its stored secret to a changed address', async () => {
    const moved = await admin.call('PATCH', '/admin/hosts/stub', { token, body: { base_url: 'http://127.0.0.1:9' } })
    expect(moved.body.errors).toEqual([{ path: 'secret', message: expect.any(String) }])
  })

  it('loses a revoked key at the very next call, on every gateway', async () => {
    expect((await admin.call('DELETE', `/admin/tenants/acme/keys/${keyId}`, { token })).status).toBe(204)
    for (const url of stack.urls) expect((await chat(url, key)).status).toBe(401)
    expect((await admin.call('DELETE', `/admin/tenants/acme/keys/${keyId}`, { token })).status).toBe(204)
  })

  it('follows rotation: both keys serve during the overlap, without one only the new', async () => {
    const old = (await admin.call('POST', '/admin/tenants/acme/keys', { token, body: { name: 'second', rpm_limit: 50 } })).body
    const next = await admin.call('POST', `/admin/tenants/acme/keys/${old.id}/rotate`, { token, body: { overlap_seconds: 60 } })
    expect(next.body).toMatchObject({ name: 'second', rpm_limit: 50, replaces: { id: old.id } })
    for (const text of [old.key, next.body.key]) expect((await chat(stack.url, text)).status).toBe(200)
    const last = await admin.call('POST', `/admin/tenants/acme/keys/${next.body.id}/rotate`, { token, body: { overlap_seconds: 0 } })
    for (const url of stack.urls) expect((await chat(url, next.body.key)).status).toBe(401)
    expect((await chat(stack.url, last.body.key)).status).toBe(200)
    expect((await admin.call('POST', `/admin/tenants/acme/keys/${next.body.id}/rotate`, { token, body: { overlap_seconds: 0 } })).status).toBe(409)
  })

  it('shows a key once', async () => {
    const { body } = await admin.call('POST', '/admin/tenants/acme/keys', { token, body: { name: 'third' } })
    expect(body.key).toMatch(/^tg_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/)
    const read = await admin.call('GET', `/admin/tenants/acme/keys/${body.id}`, { token })
    expect(read.body).toMatchObject({ key_prefix: body.key.slice(0, 20), usage: '0', limit_remaining: null })
    const secret = body.key.slice(21)
    expect(JSON.stringify([read.body, (await admin.call('GET', '/admin/tenants/acme/keys', { token })).body])).not.toContain(secret)
  })

  it('follows the tenant: suspension and tier hold at the next call', async () => {
    const text = (await admin.call('POST', '/admin/tenants/acme/keys', { token, body: { name: 'fourth' } })).body.key
    expect((await chat(stack.url, text)).status).toBe(200)
    await admin.call('PATCH', '/admin/tenants/acme', { token, body: { is_suspended: true } })
    for (const url of stack.urls) expect((await chat(url, text)).status).toBe(403)
    await admin.call('PATCH', '/admin/tenants/acme', { token, body: { is_suspended: false, tier: 'free' } })
    for (const url of stack.urls) expect(((await (await chat(url, text)).json()) as { error: string }).error).toBe('Model llama3.2 not available in free tier')
  })
})
