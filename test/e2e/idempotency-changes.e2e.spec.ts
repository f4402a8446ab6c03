import { Client } from 'pg'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually } from '../support'

describe('Idempotency-Key on the control plane', () => {
  let admin: AdminApp
  let owner: Client
  let operator: string
  let tenantAdmin: string
  beforeAll(async () => {
    admin = await startAdmin({ LOG_LEVEL: 'silent' })
    owner = new Client({ connectionString: admin.database.ownerUrl })
    await owner.connect()
    operator = await admin.personToken('owner')
    const made = await change('POST', '/admin/tenants', { slug: 'acme', name: 'Acme', tier: 'standard', home_region: 'us-east', allowed_regions: ['us-east'] })
    expect(made.status).toBe(201)
    await owner.query(`INSERT INTO model (name, display_name, origin) VALUES ('keyed-model', 'x', 'operator')`)
    tenantAdmin = await admin.personToken('admin', (await owner.query(`SELECT id FROM tenant WHERE slug = 'acme'`)).rows[0].id)
  })
  afterAll(async () => {
    await owner.end()
    await admin.stop()
  })

  const change = (method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, body?: unknown, key?: string, token = operator) => admin.call(method, url, { token, body, headers: key === undefined ? {} : { 'idempotency-key': key } })
  const keysOf = async (name: string) => (await owner.query('SELECT count(*)::int AS count FROM api_key WHERE name = $1', [name])).rows[0].count as number

  it('makes a change once and gives its reply again: status, body, secret and all, marked as replayed', async () => {
    const replies = [await change('POST', '/admin/tenants/acme/keys', { name: 'once' }, 'k1'), await change('POST', '/admin/tenants/acme/keys', { name: 'once' }, 'k1')]
    expect(replies.map(({ status }) => status)).toEqual([201, 201])
    expect(replies[0]!.body.key).toMatch(/^tg_/)
    expect(replies[1]!.body).toEqual(replies[0]!.body)
    expect(replies.map(({ headers }) => headers['idempotency-replayed'])).toEqual([undefined, 'true'])
    expect(replies[1]!.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': replies[0]!.headers['content-type'] })
    expect(replies[1]!.headers['x-request-id']).not.toBe(replies[0]!.headers['x-request-id'])
    expect(await keysOf('once')).toBe(1)
  })

  it('keeps no secret in the clear', async () => {
    const { body } = await change('POST', '/admin/tenants/acme/keys', { name: 'sealed' }, 'k-sealed')
    const { rows } = await owner.query<{ text: string; outcome: string }>('SELECT m::text AS text, outcome FROM idempotent_mutation m')
    expect(rows.length).toBeGreaterThan(0)
    for (const { text, outcome } of rows) for (const kept of [text, Buffer.from(outcome, 'base64').toString('latin1')]) expect(kept.includes(body.key) || kept.includes('sealed')).toBe(false)
  })

  it('twins: one change, the others are told to wait or get its reply', async () => {
    const replies = await Promise.all(Array.from({ length: 30 }, () => change('POST', '/admin/tenants/acme/keys', { name: 'twins' }, 'k-twins')))
    expect(await keysOf('twins')).toBe(1)
    const made = new Set(replies.filter(({ status }) => status === 201).map(({ body }) => body.key))
    expect(made.size).toBe(1)
    for (const { status, body, headers } of replies) if (status !== 201) expect([status, body.code, headers['retry-after'], headers['content-type']]).toEqual([409, 'idempotency_in_progress', '2', expect.stringMatching(/^application\/problem\+json/)])
  })

  it.each([
    ['PATCH', '/admin/tenants/acme', { name: 'Acme Ltd' }, 200],
    ['PUT', '/admin/models/keyed-model', { display_name: 'Keyed' }, 200],
    ['POST', '/admin/tenants/acme/aliases', { name: 'quick', target: 'keyed-model' }, 201],
    ['DELETE', '/admin/tenants/acme/aliases/quick', undefined, 204],
    ['DELETE', '/admin/models/keyed-model', undefined, 200],
  ] as const)('%s %s replays its own status', async (method, url, body, status) => {
    const replies = [await change(method, url, body, `k-${method}`), await change(method, url, body, `k-${method}`)]
    expect(replies.map((reply) => [reply.status, reply.body])).toEqual([[status, replies[0]!.body], [status, replies[0]!.body]])
    expect(replies[1]!.headers['idempotency-replayed']).toBe('true')
  })

  it('another body, or the same on another object, is 422', async () => {
    await change('PATCH', '/admin/tenants/acme', { name: 'Acme' }, 'k2')
    for (const [url, body] of [['/admin/tenants/acme', { name: 'Other' }], ['/admin/tenants/nobody', { name: 'Acme' }]] as const) {
      const reply = await change('PATCH', url, body, 'k2')
      expect([reply.status, reply.body.code, reply.headers['content-type']]).toEqual([422, 'idempotency_key_reused', expect.stringMatching(/^application\/problem\+json/)])
    }
  })

  it('is of one person: another one’s same key makes their own change', async () => {
    await change('POST', '/admin/tenants/acme/keys', { name: 'mine' }, 'k3')
    const reply = await change('POST', '/admin/tenants/acme/keys', { name: 'mine' }, 'k3', tenantAdmin)
    expect([reply.status, reply.headers['idempotency-replayed']]).toEqual([201, undefined])
    expect(await keysOf('mine')).toBe(2)
  })

  it('is behind the guard: who may not make a change is refused, and not given its reply', async () => {
    await change('POST', '/admin/tenants/acme/keys', { name: 'guarded' }, 'k4', tenantAdmin)
    await owner.query(`UPDATE account SET role = 'viewer' WHERE tenant_id IS NOT NULL`)
    const status = (await eventually(async () => {
      const reply = await change('POST', '/admin/tenants/acme/keys', { name: 'guarded' }, 'k4', tenantAdmin)
      expect(reply.body.key).toBeUndefined()
      return reply
    })).status
    expect([401, 403]).toContain(status)
    expect((await admin.call('POST', '/admin/tenants/acme/keys', { body: { name: 'guarded' }, headers: { 'idempotency-key': 'k4' } })).status).toBe(401)
    await owner.query(`UPDATE account SET role = 'admin' WHERE tenant_id IS NOT NULL`)
  })

  it('refusals free the key', async () => {
    expect((await change('POST', '/admin/tenants/acme/keys', { name: 7 }, 'k5')).status).toBe(400)
    expect((await change('POST', '/admin/tenants/nobody/keys', { name: 'x' }, 'k5')).status).toBe(404)
    expect((await change('POST', '/admin/tenants/acme/keys', { name: 'corrected' }, 'k5')).status).toBe(201)
  })

  it('a change that was cut off is not made again, and says so', async () => {
    await change('POST', '/admin/tenants/acme/keys', { name: 'cut' }, 'k6')
    await owner.query(`UPDATE idempotent_mutation SET outcome = NULL, leased_until = now() - interval '1 second' WHERE rid = (SELECT rid FROM idempotent_mutation ORDER BY expires_at DESC LIMIT 1)`)
    const reply = await change('POST', '/admin/tenants/acme/keys', { name: 'cut' }, 'k6')
    expect([reply.status, reply.body.code]).toEqual([409, 'outcome_unknown'])
    expect(await keysOf('cut')).toBe(1)
  })

  it('a change that failed unexpectedly is not made again either', async () => {
    await owner.query('ALTER TABLE api_key RENAME COLUMN key_prefix TO gone')
    expect((await change('POST', '/admin/tenants/acme/keys', { name: 'failed' }, 'k7')).status).toBe(500)
    await owner.query('ALTER TABLE api_key RENAME COLUMN gone TO key_prefix')
    expect((await change('POST', '/admin/tenants/acme/keys', { name: 'failed' }, 'k7')).body.code).toBe('outcome_unknown')
  })

  it('is free again after 24 hours', async () => {
    await change('POST', '/admin/tenants/acme/keys', { name: 'daily' }, 'k8')
    await owner.query(`UPDATE idempotent_mutation SET expires_at = expires_at - interval '24 hours 1 second'`)
    expect((await change('POST', '/admin/tenants/acme/keys', { name: 'daily' }, 'k8')).headers['idempotency-replayed']).toBeUndefined()
    expect(await keysOf('daily')).toBe(2)
  })

  it.each(['', 'a b', 'x'.repeat(256)])('%j is no key: 400 that names the header', async (key) => {
    const reply = await change('POST', '/admin/tenants/acme/keys', { name: 'bad' }, key)
    expect([reply.status, reply.body.code, reply.body.errors[0].path]).toEqual([400, 'invalid_request', 'Idempotency-Key'])
    expect(await keysOf('bad')).toBe(0)
  })

  it('reads and /auth take no notice of it', async () => {
    for (let i = 0; i < 2; i++) {
      expect((await admin.call('GET', '/admin/tenants', { token: operator, headers: { 'idempotency-key': 'a b' } })).status).toBe(200)
      expect((await admin.call('POST', '/auth/login', { body: { email: 'a@example.com', password: 'wrong' }, headers: { 'idempotency-key': 'k9' } })).status).toBe(401)
    }
  })

  it('is in the OpenAPI document, on every change and on every inference route', async () => {
    const { paths } = (await admin.call('GET', '/openapi.json')).body as { paths: Record<string, Record<string, { tags?: string[]; parameters?: { name: string; in: string }[]; responses: Record<string, { content: object }> }>> }
    let found = 0
    for (const [path, item] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const isKeyed = operation.tags?.includes('inference') || (path.startsWith('/admin/') && method !== 'get')
        const takes = operation.parameters?.some(({ name, in: place }) => name === 'Idempotency-Key' && place === 'header') === true
        expect({ path, method, takes, answers: '422' in operation.responses }).toEqual({ path, method, takes: isKeyed === true, answers: isKeyed === true })
        if (takes) found++
        if (takes) expect(Object.keys(operation.responses['409']!.content)).toEqual(Object.keys(operation.responses['400']!.content))
      }
    }
    expect(found).toBeGreaterThan(30)
  })
})
