import { Client } from 'pg'
import { LimitsService } from '@tollgate/limits'
import { Announcements } from '../../apps/admin/src/announcements'
import { startAdmin, type AdminApp } from './admin-app'

describe('what tenants have', () => {
  let admin: AdminApp
  let token: string
  beforeAll(async () => {
    admin = await startAdmin()
    token = await admin.personToken('owner')
    await admin.call('POST', '/admin/tenants', { token, body: { slug: 'acme', name: 'Acme', tier: 'enterprise', home_region: 'us-east' } })
  })
  afterAll(() => admin.stop())
  afterEach(() => jest.restoreAllMocks())

  const call = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: unknown) => admin.call(method, url, { token, body })

  it('is all theirs to set: what was written is read back, and an empty tenant goes again', async () => {
    const settings = { name: 'Globex', tier: 'premium', home_region: 'eu-west', allowed_regions: ['eu-west', 'us-east'], preferred_model: 'phi3', time_zone: 'Europe/Berlin', billing: 'prepaid', max_budget: '50.000000000001', soft_budget: '40', budget_duration: 'week', replays_answers: true }
    const made = await call('POST', '/admin/tenants', { slug: 'globex', currency: 'EUR', ...settings })
    expect(made).toMatchObject({ status: 201, body: { currency: 'EUR', is_suspended: false, ...settings } })
    expect((await call('PATCH', '/admin/tenants/globex', { is_suspended: true, max_budget: null })).body).toMatchObject({ ...settings, is_suspended: true, max_budget: null })
    expect((await call('DELETE', '/admin/tenants/globex')).status).toBe(204)
    expect((await call('GET', '/admin/tenants/globex')).status).toBe(404)
  })

  it('projects: what was written is read back, until they are removed', async () => {
    const settings = { name: 'Lab', default_model: 'phi3', allowed_models: ['phi3'], max_budget: '10', soft_budget: '5', budget_duration: 'day' }
    expect((await call('POST', '/admin/tenants/acme/projects', { slug: 'lab', ...settings })).body).toMatchObject({ slug: 'lab', ...settings })
    expect((await call('PATCH', '/admin/tenants/acme/projects/lab', { slug: 'labs', max_budget: null })).body).toMatchObject({ ...settings, slug: 'labs', max_budget: null })
    expect((await call('GET', '/admin/tenants/acme/projects/labs')).body).toMatchObject({ ...settings, slug: 'labs', max_budget: null })
    expect((await call('DELETE', '/admin/tenants/acme/projects/labs')).status).toBe(204)
  })

  it('keys: with every limit of their own, used and revoked', async () => {
    const { body: project } = await call('POST', '/admin/tenants/acme/projects', { slug: 'shop', name: 'Shop' })
    const rights = { allowed_models: ['phi3', 'mistral:*'], allowed_regions: ['us-east'], rpm_limit: 5, tpm_limit: 10 ** 12, max_parallel_requests: 2, max_budget: '3', soft_budget: '1.5', budget_duration: 'week', expires_at: '2099-01-01T00:00:00.000Z', ip_cidrs: ['192.0.2.0/24'], scopes: ['chat'] }
    const { body: made } = await call('POST', '/admin/tenants/acme/keys', { name: 'all', project: 'shop', ...rights })
    expect(made).toMatchObject({ project_id: project.id, ...rights, limit_remaining: '3', last_used_at: null })
    const owner = new Client({ connectionString: admin.database.ownerUrl })
    await owner.connect()
    await owner.query(`UPDATE api_key SET last_used_on = '2026-11-21' WHERE id = $1`, [made.id])
    await owner.end()
    expect((await call('POST', `/admin/tenants/acme/keys/${made.id}/rotate`, { overlap_seconds: 60 })).body).toMatchObject({ project_id: project.id, ...rights, replaces: { id: made.id } })
    await call('DELETE', `/admin/tenants/acme/keys/${made.id}`)
    expect((await call('GET', `/admin/tenants/acme/keys/${made.id}`)).body).toMatchObject({ revoked_at: expect.any(String), last_used_at: '2026-11-21' })
  })

  it('credit: booked whatever becomes of the announcement, told of while Redis is away', async () => {
    expect((await call('POST', '/admin/tenants/acme/credit', { amount: '100', reason: 'paid' })).body).toMatchObject({ amount: '100', currency: 'USD' })
    jest.spyOn(admin.app.get(Announcements, { strict: false }), 'tenantChanged').mockRejectedValueOnce(new Error('away'))
    expect((await call('POST', '/admin/tenants/acme/credit', { amount: '-20.5', reason: 'too much' })).body).toMatchObject({ amount: '-20.5', warnings: [expect.stringContaining('within 10 seconds')] })
    jest.spyOn(admin.app.get(LimitsService, { strict: false }), 'heldCreditPico').mockRejectedValueOnce(new Error('away'))
    expect((await call('GET', '/admin/tenants/acme/credit?limit=1')).body).toMatchObject({ billing: 'postpaid', granted: '79.5', spent: '0', reserved: null, balance: '79.5', grants: [{ amount: '-20.5' }], has_more: true })
  })

  it.each(['/admin/tenants/acme/webhooks', '/admin/webhooks'])('%s: made, tried, tried again and removed', async (url) => {
    const { body: made } = await call('POST', url, { url: 'https://93.184.216.34/hook', events: ['credit.low', 'budget.exhausted', 'credit.low'] })
    expect(made).toMatchObject({ events: ['credit.low', 'budget.exhausted'], secret: expect.stringMatching(/^whsec_/) })
    const { secret: _secret, ...shown } = made
    expect((await call('GET', `${url}/${made.id}`)).body).toEqual(shown)
    expect((await call('GET', url)).body.data).toEqual([shown])
    const { status, body: delivery } = await call('POST', `${url}/${made.id}/test`)
    expect([status, delivery]).toEqual([202, expect.objectContaining({ type: 'webhook.test', state: 'pending', attempts: 0, last_status: null })])
    expect((await call('POST', `${url}/${made.id}/deliveries/${delivery.id}/redeliver`)).status).toBe(202)
    expect((await call('GET', `${url}/${made.id}/deliveries?state=pending`)).body.data).toMatchObject([{ id: delivery.id, event_id: delivery.event_id }])
    expect((await call('DELETE', `${url}/${made.id}`)).status).toBe(204)
  })
})
