import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { uuidv7 } from '@tollgate/kernel'
import { startAdmin, type AdminApp } from './admin-app'

const MONTH = 'from=2026-10-01&to=2026-11-01'

describe('GET /admin/reports/cost', () => {
  let admin: AdminApp
  let owner: Client
  let token: string
  beforeAll(async () => {
    admin = await startAdmin()
    token = await admin.personToken('billing')
    owner = new Client({ connectionString: admin.database.ownerUrl })
    await owner.connect()
    const operator = await admin.personToken('owner')
    for (const [slug, currency, zone, picos] of [['acme', 'USD', 'Asia/Kolkata', [1, 20]], ['globex', 'EUR', 'UTC', [300]], ['initech', 'USD', 'UTC', [4000]]] as const) {
      const { body } = await admin.call('POST', '/admin/tenants', { token: operator, body: { slug, name: slug, tier: 'standard', home_region: 'us-east', currency, time_zone: zone } })
      await apply(body.id, picos)
    }
  })
  afterAll(async () => {
    await owner.end()
    await admin.stop()
  })

  /** The first call a minute before October in UTC, which is October in Kolkata; the others within. */
  async function apply(tenantId: string, picos: readonly number[]): Promise<void> {
    const claims = picos.map((pico, i) => ({ tenant_id: tenantId, day: i === 0 && picos.length > 1 ? '2026-09-30' : '2026-10-05', started_at: i === 0 && picos.length > 1 ? '2026-09-30T23:59:00Z' : '2026-10-05T10:10:00Z', rid: uuidv7(Date.now(), randomBytes(10)), rank: 1, amount_pico: String(pico), budgets: [], key_id: tenantId, surface: 'chat', requested_model: 'phi3', model: 'phi3', provider: 'ollama', region: 'us-east', host: 'h', status: 'completed', is_stream: false, prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0, cache_write_tokens: 0, reasoning_tokens: 0, usage_source: 'provider', flags: [], duration_ms: 100, attempts: 1, provider_attempts: [] }))
    await owner.query('SELECT FROM apply_claims($1)', [JSON.stringify(claims)])
  }

  const report = (query: string) => admin.call('GET', `/admin/reports/cost?${query}`, { token })
  const csv = async (query: string) => admin.app.inject({ url: `/admin/reports/cost?format=csv&${query}`, headers: { authorization: `Bearer ${token}` } })

  it('over all tenants has a total for each currency, in days of UTC', async () => {
    const { status, body } = await report(MONTH)
    expect(status).toBe(200)
    expect(body).toEqual({ totals: [expect.objectContaining({ currency: 'EUR', cost: '0.0000000003', total_requests: 1 }), expect.objectContaining({ currency: 'USD', cost: '0.00000000402', total_requests: 2 })], from: '2026-10-01T00:00:00.000Z', to: '2026-11-01T00:00:00.000Z' })
  })

  it('is grouped by tenant and whatever else', async () => {
    const { body } = await report(`${MONTH}&group_by=tenant,day,host,project`)
    expect(body.groups.map(({ tenant, day, host, project, cost, currency }: Record<string, string>) => [tenant, day, host, project, cost, currency])).toEqual([['acme', '2026-10-05', 'h', '', '0.00000000002', 'USD'], ['globex', '2026-10-05', 'h', '', '0.0000000003', 'EUR'], ['initech', '2026-10-05', 'h', '', '0.000000004', 'USD']])
    const finest = (await report(`${MONTH}&group_by=tenant,model,project,api_key,region,provider,host,day,hour`)).body
    expect(finest.groups[0]).toMatchObject({ tenant: 'acme', model: 'phi3', api_key: expect.any(String), region: 'us-east', provider: 'ollama', hour: '2026-10-05T10:00:00Z' })
  })

  it("of one tenant has that tenant's own body, in days of its zone", async () => {
    const { body } = await report(`${MONTH}&tenant=acme&group_by=day`)
    expect(Object.keys(body)).toEqual(['model_usage', 'total', 'groups', 'savings', 'currency', 'from', 'to'])
    expect(body).toMatchObject({ from: '2026-09-30T18:30:00.000Z', total: { cost: '0.000000000021' }, groups: [{ day: '2026-10-01', cost: '0.000000000001' }, { day: '2026-10-05', cost: '0.00000000002' }] })
  })

  it('is read in pages', async () => {
    const first = (await report(`${MONTH}&group_by=tenant&limit=2`)).body
    const rest = (await report(`${MONTH}&group_by=tenant&limit=2&after=${first.next}`)).body
    expect([first.has_more, rest.has_more, rest.next]).toEqual([true, false, null])
    expect([...first.data, ...rest.data].map(({ tenant, currency }: Record<string, string>) => `${tenant} ${currency}`)).toEqual(['acme USD', 'globex EUR', 'initech USD'])
  })

  it('is CSV', async () => {
    const reply = await csv(`${MONTH}&group_by=tenant`)
    expect([reply.statusCode, reply.headers['content-type'], reply.headers['cache-control']]).toEqual([200, 'text/csv; charset=utf-8', 'no-store'])
    expect(reply.payload.split('\r\n').map((line) => [line.split(',')[0], line.split(',').slice(-2).join(' ')])).toEqual([['tenant', 'cost currency'], ['acme', '0.00000000002 USD'], ['globex', '0.0000000003 EUR'], ['initech', '0.000000004 USD'], ['', '']])
    expect((await csv(MONTH)).payload.split('\r\n')).toHaveLength(4)
    expect((await csv(`${MONTH}&group_by=tenant&limit=2`)).headers['x-tollgate-next']).toMatch(/\w/)
    expect((await csv(`${MONTH}&tenant=acme`)).payload).toMatch(/^model,.*\r\nphi3,2,/)
  })

  it.each([
    ['from=soon', 'from'],
    ['from=2026-10-01T10:15:00Z', 'from'],
    ['to=2026-10-01T10:15:00Z&from=2026-10-01', 'to'],
    ['from=2026-10-02&to=2026-10-01', 'to'],
    ['from=2020-01-01', 'from'],
    ['group_by=colour', 'group_by.0'],
    ['group_by=project', 'group_by'],
    ['tenant=acme&group_by=tenant', 'group_by'],
    ['limit=5', 'limit'],
    ['after=x', 'after'],
    ['group_by=model&limit=0', 'limit'],
    ['group_by=model&limit=many', 'limit'],
    ['group_by=model&after=x', 'after'],
    ['tenant=Not A Slug', 'tenant'],
    ['colour=red', 'colour'],
  ])('%s is refused, naming %s', async (query, path) => {
    const { status, body } = await report(query)
    expect([status, body.code, body.errors.map((error: { path: string }) => error.path)]).toEqual([400, 'invalid_request', [path]])
  })

  it('404 for a tenant that does not exist', async () => expect((await report('tenant=nobody')).status).toBe(404))
})
