import { createHmac } from 'node:crypto'
import { Controller, Get, Module } from '@nestjs/common'
import { createHttpApp } from '@tollgate/platform/http'
import { AdminModule } from '../../apps/admin/src/admin.module'
import { startAdmin, type AdminApp } from './admin-app'

const PLATFORM = ['owner', 'ops', 'billing', 'support'] as const
const TENANT = ['owner', 'admin', 'billing', 'developer', 'viewer'] as const
const WRITES = ['POST', 'PUT', 'PATCH', 'DELETE']

describe('who may do what', () => {
  let admin: AdminApp
  const tokens: Record<string, string> = {}
  const tenantId: Record<string, string> = {}

  beforeAll(async () => {
    admin = await startAdmin()
    for (const role of PLATFORM) tokens[`platform:${role}`] = await admin.personToken(role)
    for (const slug of ['acme', 'globex']) {
      const { body } = await admin.call('POST', '/admin/tenants', { token: tokens['platform:owner']!, body: { slug, name: slug, tier: 'standard', home_region: 'us-east' } })
      tenantId[slug] = body.id
    }
    for (const role of TENANT) tokens[`tenant:${role}`] = await admin.personToken(role, tenantId.acme!)
  })
  afterAll(() => admin.stop())

  /** Route by route, the roles that get past the guard. Bodies are empty: who may come in gets 400 or 404, never 403. */
  const MATRIX: readonly [method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, roles: string][] = [
    ['GET', '/admin/accounts', 'platform:owner'],
    ['POST', '/admin/accounts', 'platform:owner'],
    ['GET', '/admin/tenants', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/tenants', 'platform:owner platform:ops'],
    ['GET', '/admin/tenants/acme', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing tenant:developer tenant:viewer'],
    ['PATCH', '/admin/tenants/acme', 'platform:owner platform:ops platform:billing tenant:owner tenant:admin'],
    ['POST', '/admin/tenants/acme/projects', 'platform:owner platform:ops tenant:owner tenant:admin'],
    ['PATCH', '/admin/tenants/acme/projects/none', 'platform:owner platform:ops platform:billing tenant:owner tenant:admin tenant:billing'],
    ['GET', '/admin/tenants/acme/keys', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing tenant:developer'],
    ['POST', '/admin/tenants/acme/keys', 'platform:owner platform:ops tenant:owner tenant:admin tenant:developer'],
    ['DELETE', '/admin/tenants/acme/keys/none', 'platform:owner platform:ops tenant:owner tenant:admin tenant:developer'],
    ['POST', '/admin/tenants/acme/accounts', 'platform:owner tenant:owner tenant:admin'],
    ['POST', '/admin/tenants/acme/aliases', 'platform:owner platform:ops tenant:owner tenant:admin'],
    ['GET', '/admin/aliases/none/history', 'platform:owner platform:ops platform:billing platform:support'],
    ['GET', '/admin/rule-sets', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/rule-sets/backtest', 'platform:owner platform:ops platform:billing platform:support'],
    ['PUT', '/admin/rule-sets/none', 'platform:owner platform:ops'],
    ['GET', '/admin/tenants/acme/rule-sets', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing tenant:developer tenant:viewer'],
    ['PUT', '/admin/tenants/acme/rule-sets/none', 'platform:owner platform:ops tenant:owner tenant:admin'],
    ['GET', '/admin/tiers', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/tiers', 'platform:owner platform:ops'],
    ['PUT', '/admin/tiers/none', 'platform:owner platform:ops platform:billing'],
    ['GET', '/admin/hosts', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/hosts', 'platform:owner platform:ops'],
    ['PATCH', '/admin/hosts/none', 'platform:owner platform:ops'],
    ['POST', '/admin/hosts/none/probe', 'platform:owner platform:ops'],
    ['GET', '/admin/models', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/models/add', 'platform:owner platform:ops'],
    ['POST', '/admin/aliases', 'platform:owner platform:ops'],
    ['GET', '/admin/prices', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/prices', 'platform:owner platform:billing'],
    ['GET', '/admin/reports/cost', 'platform:owner platform:ops platform:billing platform:support'],
    ['GET', '/admin/reports/margin', 'platform:owner platform:billing'],
    ['GET', '/admin/requests/none', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/proof/ledger/verify', 'platform:owner platform:ops platform:billing'],
    ['POST', '/admin/proof/reconcile', 'platform:owner platform:ops platform:billing'],
    ['POST', '/admin/proof/simulate', 'platform:owner platform:billing'],
    ['GET', '/admin/invoices', 'platform:owner platform:ops platform:billing platform:support'],
    ['GET', '/admin/invoices/none/document', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/invoices/none/replay', 'platform:owner platform:ops platform:billing'],
    ['POST', '/admin/invoices/none/credit-notes', 'platform:owner platform:billing'],
    ['GET', '/admin/tenants/acme/invoices', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing'],
    ['GET', '/admin/tenants/acme/invoices/none/lines/1/requests', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing'],
    ['POST', '/admin/tenants/acme/invoices', 'platform:owner platform:billing'],
    ['GET', '/admin/tenants/acme/credit', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing'],
    ['POST', '/admin/tenants/acme/credit', 'platform:owner platform:billing'],
    ['GET', '/admin/tenants/acme/webhooks', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing'],
    ['POST', '/admin/tenants/acme/webhooks', 'platform:owner platform:billing tenant:owner tenant:admin tenant:billing'],
    ['DELETE', '/admin/tenants/acme/webhooks/none', 'platform:owner platform:billing tenant:owner tenant:admin tenant:billing'],
    ['POST', '/admin/tenants/acme/webhooks/none/test', 'platform:owner platform:billing tenant:owner tenant:admin tenant:billing'],
    ['POST', '/admin/tenants/acme/webhooks/none/deliveries/none/redeliver', 'platform:owner platform:billing tenant:owner tenant:admin tenant:billing'],
    ['GET', '/admin/tenants/acme/webhooks/none/deliveries', 'platform:owner platform:ops platform:billing platform:support tenant:owner tenant:admin tenant:billing'],
    ['GET', '/admin/webhooks', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/webhooks', 'platform:owner platform:billing'],
    ['POST', '/admin/webhooks/none/test', 'platform:owner platform:billing'],
    ['DELETE', '/admin/webhooks/none', 'platform:owner platform:billing'],
    ['GET', '/admin/webhooks/none/deliveries', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/webhooks/none/deliveries/none/redeliver', 'platform:owner platform:billing'],
    ['POST', '/admin/regions', 'platform:owner platform:ops'],
    ['GET', '/admin/config', 'platform:owner platform:ops platform:billing platform:support'],
    ['POST', '/admin/config/diff', 'platform:owner platform:ops platform:billing platform:support'],
    ['PUT', '/admin/config', 'platform:owner'],
  ]

  it.each(MATRIX)('%s %s', async (method, url, roles) => {
    const allowed: string[] = []
    for (const [role, token] of Object.entries(tokens)) {
      const { status } = await admin.call(method, url, { token, ...(WRITES.includes(method) ? { body: [] } : {}) })
      expect([role, status < 500 && status !== 401]).toEqual([role, true])
      if (status !== 403) allowed.push(role)
    }
    expect(allowed).toEqual(roles.split(' '))
    expect((await admin.call(method, url)).body.code).toBe('invalid_token')
  })

  it("answers another tenant's slug like one that does not exist", async () => {
    for (const path of ['', '/keys', '/projects', '/accounts', '/aliases', '/invoices', '/credit', '/webhooks']) {
      const foreign = await admin.call('GET', `/admin/tenants/globex${path}`, { token: tokens['tenant:owner'] })
      const absent = await admin.call('GET', `/admin/tenants/nobody${path}`, { token: tokens['tenant:owner'] })
      expect(foreign.status).toBe(404)
      expect(JSON.stringify({ ...foreign.body, request_id: '' }).replaceAll('globex', 'nobody')).toBe(JSON.stringify({ ...absent.body, request_id: '' }))
    }
  })

  it.each([
    ['platform:ops', { max_budget: '10' }, 403],
    ['platform:ops', { tier: 'premium' }, 200],
    ['platform:billing', { max_budget: '10', soft_budget: '5' }, 200],
    ['platform:billing', { tier: 'premium' }, 403],
    ['tenant:owner', { name: 'Acme Ltd' }, 200],
    ['tenant:owner', { tier: 'enterprise' }, 403],
    ['tenant:owner', { max_budget: null }, 403],
    ['tenant:admin', { is_suspended: false }, 403],
    ['tenant:admin', { replays_answers: true }, 200],
    ['platform:billing', { replays_answers: true }, 403],
  ])('lets %s write %j of a tenant with %i', async (role, body, status) => {
    expect((await admin.call('PATCH', '/admin/tenants/acme', { token: tokens[role], body })).status).toBe(status)
  })

  it.each([
    ['tenant:admin', 'owner', 403],
    ['tenant:admin', 'admin', 201],
    ['tenant:owner', 'owner', 201],
    ['tenant:admin', 'viewer', 201],
  ])('lets %s give the role %s with %i', async (role, given, status) => {
    const body = { email: `${role.replace(':', '.')}.${given}@example.com`, password: 'a long enough password', role: given }
    expect((await admin.call('POST', '/admin/tenants/acme/accounts', { token: tokens[role], body })).status).toBe(status)
  })

  it('lets owners change the roles of their people', async () => {
    const [staff, members] = [{ url: '/admin/accounts', token: tokens['platform:owner'] }, { url: '/admin/tenants/acme/accounts', token: tokens['tenant:owner'] }]
    for (const [{ url, token }, before, after] of [[staff, 'support', 'ops'], [members, 'viewer', 'developer']] as const) {
      const { body } = await admin.call('POST', url, { token, body: { email: `changing.${before}@example.com`, password: 'a long enough password', role: before } })
      expect((await admin.call('PATCH', `${url}/${body.id}`, { token, body: { role: after } })).body).toEqual({ ...body, role: after })
      expect((await admin.call('GET', url, { token })).body.data).toContainEqual({ ...body, role: after })
      expect((await admin.call('DELETE', `${url}/${body.id}`, { token })).status).toBe(204)
    }
  })

  it('keeps the last owner of the platform', async () => {
    const { id } = (await admin.call('GET', '/auth/me', { token: tokens['platform:owner'] })).body
    for (const attempt of [admin.call('DELETE', `/admin/accounts/${id}`, { token: tokens['platform:owner'] }), admin.call('PATCH', `/admin/accounts/${id}`, { token: tokens['platform:owner'], body: { role: 'ops' } })])
      expect((await attempt).body.code).toBe('object_in_use')
  })

  it('takes rights away at once: a changed person is logged out', async () => {
    const token = await admin.personToken('viewer', tenantId.acme!)
    const { id } = (await admin.call('GET', '/auth/me', { token })).body
    expect((await admin.call('PATCH', `/admin/tenants/acme/accounts/${id}`, { token: tokens['tenant:owner'], body: { is_disabled: true } })).status).toBe(200)
    expect((await admin.call('GET', '/auth/me', { token })).status).toBe(401)
  })

  describe('forged tokens', () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const sign = (header: object, claims: object, secret: string, hash = 'sha256') => {
      const signed = `${part(header)}.${part(claims)}`
      return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
    }
    const claimsOf = () => JSON.parse(Buffer.from(tokens['platform:owner']!.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>
    const secret = () => admin.config.TOLLGATE_JWT_SECRET
    const without = (name: string) => Object.fromEntries(Object.entries(claimsOf()).filter(([key]) => key !== name))
    const now = () => Math.floor(Date.now() / 1000)

    it('are told from one that is rightly signed', async () => {
      expect((await admin.call('GET', '/auth/me', { token: sign({ alg: 'HS256', typ: 'JWT' }, claimsOf(), secret()) })).status).toBe(200)
    })

    it.each<[string, () => string]>([
      ['alg none', () => `${part({ alg: 'none' })}.${part(claimsOf())}.`],
      ['alg None', () => `${part({ alg: 'None' })}.${part(claimsOf())}.`],
      ['another HMAC', () => sign({ alg: 'HS512' }, claimsOf(), secret(), 'sha512')],
      ['RS256 over an HMAC', () => sign({ alg: 'RS256' }, claimsOf(), secret())],
      ['another secret', () => sign({ alg: 'HS256' }, claimsOf(), 'another secret of at least thirty-two')],
      ['an empty secret', () => sign({ alg: 'HS256' }, claimsOf(), '')],
      ['altered claims', () => tokens['tenant:viewer']!.split('.').map((piece, i) => (i === 1 ? part(claimsOf()) : piece)).join('.')],
      ['expired', () => sign({ alg: 'HS256' }, { ...claimsOf(), iat: now() - 1000, nbf: now() - 1000, exp: now() - 100 }, secret())],
      ['not yet valid', () => sign({ alg: 'HS256' }, { ...claimsOf(), nbf: now() + 600 }, secret())],
      ['living too long', () => sign({ alg: 'HS256' }, { ...claimsOf(), exp: now() + 86_400 }, secret())],
      ['wrong audience', () => sign({ alg: 'HS256' }, { ...claimsOf(), aud: 'somebody' }, secret())],
      ['wrong issuer', () => sign({ alg: 'HS256' }, { ...claimsOf(), iss: 'somebody' }, secret())],
      ['another session', () => sign({ alg: 'HS256' }, { ...claimsOf(), sid: '019a0000-0000-7000-8000-000000000000' }, secret())],
      ['a subject that is no id', () => sign({ alg: 'HS256' }, { ...claimsOf(), sub: "' OR 1=1 --" }, secret())],
      ...['exp', 'nbf', 'iat', 'jti', 'sub', 'sid', 'aud', 'iss'].map((claim): [string, () => string] => [`without ${claim}`, () => sign({ alg: 'HS256' }, without(claim), secret())]),
      ['a data-plane key', () => 'tg_live_000000000000_0000000000000000000000000000000000000000000000000'],
    ])('%s: 401', async (_name, token) => {
      expect((await admin.call('GET', '/auth/me', { token: token() })).body).toMatchObject({ status: 401, code: 'invalid_token' })
    })
  })

  it('does not start with a handler that declares no permission', async () => {
    @Controller('admin/forgotten')
    class ForgottenController {
      @Get()
      list() {
        return []
      }
    }
    @Module({ imports: [AdminModule.register(admin.config)], controllers: [ForgottenController] })
    class ForgetfulModule {}
    const app = await createHttpApp(ForgetfulModule, { config: admin.config })
    await expect(app.init()).rejects.toThrow('ForgottenController.list')
    await app.close()
  })
})
