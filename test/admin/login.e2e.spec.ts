import { Client } from 'pg'
import { startAdmin, PASSWORD, type AdminApp } from './admin-app'
import { AccountService } from '@tollgate/tenants/people'

describe('log-in', () => {
  let admin: AdminApp
  beforeAll(async () => {
    admin = await startAdmin()
    await admin.app.get(AccountService, { strict: false }).create('system', { tenantId: null, email: 'Owner@Example.com', password: PASSWORD, role: 'owner' })
  })
  afterAll(() => admin.stop())

  const login = (ip: string, body: unknown = { email: 'owner@example.com', password: PASSWORD }) => admin.call('POST', '/auth/login', { body, ip })

  it('gives a bearer token and a refresh token, whatever the case of the address', async () => {
    const { status, body } = await login('203.0.113.1', { email: 'OWNER@example.com', password: PASSWORD })
    expect(status).toBe(200)
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 900, refresh_token: expect.any(String) })
    const me = await admin.call('GET', '/auth/me', { token: body.access_token })
    expect(me.body).toMatchObject({ email: 'owner@example.com', realm: 'platform', role: 'owner', tenant: null })
    expect(me.headers['cache-control']).toBe('no-store')
  })

  it('answers an unknown address and a wrong password alike', async () => {
    const unknown = await login('203.0.113.2', { email: 'nobody@example.com', password: 'x' })
    const wrong = await login('203.0.113.2', { email: 'owner@example.com', password: 'x' })
    expect(unknown.status).toBe(401)
    expect({ ...unknown.body, request_id: '' }).toEqual({ ...wrong.body, request_id: '' })
    expect(unknown.headers['content-type']).toContain('application/problem+json')
  })

  it('exchanges a refresh token once; a second use ends the session', async () => {
    const first = (await login('203.0.113.3')).body
    const second = await admin.call('POST', '/auth/refresh', { body: { refresh_token: first.refresh_token } })
    expect(second.status).toBe(200)
    expect(second.body.refresh_token).not.toBe(first.refresh_token)
    expect((await admin.call('POST', '/auth/refresh', { body: { refresh_token: first.refresh_token } })).status).toBe(401)
    expect((await admin.call('POST', '/auth/refresh', { body: { refresh_token: second.body.refresh_token } })).status).toBe(401)
    expect((await admin.call('GET', '/auth/me', { token: second.body.access_token })).status).toBe(401)
  })

  it('logs out: both tokens are dead at once', async () => {
    const pair = (await login('203.0.113.4')).body
    expect((await admin.call('POST', '/auth/logout', { token: pair.access_token })).status).toBe(204)
    expect((await admin.call('GET', '/auth/me', { token: pair.access_token })).body).toMatchObject({ code: 'invalid_token', status: 401 })
    expect((await admin.call('POST', '/auth/refresh', { body: { refresh_token: pair.refresh_token } })).status).toBe(401)
  })

  it('answers the eleventh attempt of a minute with 429, our body and Retry-After, before the password is looked at', async () => {
    for (let i = 0; i < 10; i++) await admin.call('POST', '/auth/login', { body: {}, ip: '203.0.113.5' })
    const reply = await login('203.0.113.5')
    expect(reply.status).toBe(429)
    expect(reply.body.code).toBe('too_many_failed_logins')
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
    expect((await login('203.0.113.6')).status).toBe(200)
  })

  it('says 503, never 401, while accounts cannot be read', async () => {
    const { access_token: token } = (await login('203.0.113.8')).body
    const owner = new Client({ connectionString: admin.database.ownerUrl })
    await owner.connect()
    await owner.query('ALTER TABLE account RENAME TO account_away')
    const replies = [await login('203.0.113.8'), await admin.call('GET', '/auth/me', { token }), await admin.call('POST', '/auth/refresh', { body: { refresh_token: 'x' } })]
    await owner.query('ALTER TABLE account_away RENAME TO account')
    await owner.end()
    for (const reply of replies) expect(reply.body).toMatchObject({ status: 503, code: 'accounts_unavailable' })
    expect((await admin.call('GET', '/auth/me', { token })).status).toBe(200)
  })

  it('lists every problem of a bad body, unknown keys included', async () => {
    const { status, body } = await login('203.0.113.7', { email: 'no', pasword: 'x' })
    expect(status).toBe(400)
    expect(body.errors.map((error: { path: string }) => error.path).sort()).toEqual(['email', 'password', 'pasword'])
  })
})
