import { Client } from 'pg'
import { startAdmin, type AdminApp } from './admin-app'

const PER_MILLION = ['input_per_million', 'output_per_million', 'cached_input_per_million', 'cache_write_per_million', 'reasoning_per_million'] as const
const FEES = ['per_request', 'gpu_second'] as const

describe('prices', () => {
  let admin: AdminApp
  let token: string
  let owner: Client
  beforeAll(async () => {
    admin = await startAdmin()
    token = await admin.personToken('billing')
    owner = new Client({ connectionString: admin.database.ownerUrl })
    await owner.connect()
  })
  afterAll(async () => {
    await owner.end()
    await admin.stop()
  })

  const price = { model: 'm', input_per_million: '0.15', output_per_million: '0.6', source: 'spec' }
  const add = (change: object) => admin.call('POST', '/admin/prices', { token, body: { ...price, ...change } })

  it('come back digit by digit in every class', async () => {
    const classes = { input_per_million: '9999999.999999', output_per_million: '0', cached_input_per_million: '0.000001', cache_write_per_million: '3.75', reasoning_per_million: '12.5', per_request: '0.000000000001', gpu_second: '0.000000001' }
    const { status, body } = await add(classes)
    expect(status).toBe(201)
    expect(body).toMatchObject({ book: 'tariff', free: false, ...classes })
    const { rows } = await owner.query('SELECT input_pico, output_pico, cached_input_pico, per_request_pico, gpu_second_pico FROM price WHERE id = $1', [body.id])
    expect(rows).toEqual([{ input_pico: '9999999999999', output_pico: '0', cached_input_pico: '1', per_request_pico: '1', gpu_second_pico: '1000' }])
  })

  const wrong: unknown[] = ['NaN', 'Infinity', '-1', '-0', '+1', '1e3', '1E-2', '0x1', '', ' ', '.5', '1.', '1,5', '1_0', ' 1', '1\n', '１', '99999999999999999999', 'free', 0.15, 1, -1, true, [], {}, '1.2.3']
  it.each([...PER_MILLION, ...FEES])('refuse a %s that is no plain decimal, naming it', async (field) => {
    for (const value of [...wrong, field === 'per_request' ? '0.0000000000001' : field === 'gpu_second' ? '0.0000000001' : '0.0000001']) {
      const { status, body } = await add({ [field]: value })
      expect([value, status, body.code, body.errors?.map((error: { path: string }) => error.path)]).toEqual([value, 400, 'invalid_request', [field]])
    }
  })

  it('refuse what a JSON number cannot even hold', async () => {
    const reply = await admin.call('POST', '/admin/prices', { token, body: { ...price, input_per_million: Number.NaN } })
    expect([reply.status, reply.body.errors[0].path]).toEqual([400, 'input_per_million'])
  })

  it("in the providers' book name a provider, in US dollars, and neither tier nor tenant", async () => {
    const paths = async (change: object) => (await add({ book: 'provider', ...change })).body.errors?.map((error: { path: string }) => error.path)
    expect(await paths({})).toEqual(['provider'])
    expect(await paths({ provider: 'openai', tier: 'free', tenant: 'x', currency: 'EUR' })).toEqual(['tier', 'tenant', 'currency'])
    expect(await paths({ provider: 'openai', book: 'mine' })).toEqual(['book'])
    const { body } = await add({ book: 'provider', provider: 'openai' })
    const list = async (query: string) => (await admin.call('GET', `/admin/prices?limit=200${query}`, { token })).body.data as { id: string; book: string; source: string }[]
    expect((await list('')).some((row) => row.book === 'provider')).toBe(false)
    expect((await list('&book=provider')).map((row) => row.id)).toContain(body.id)
  })

  it('of common cloud models are ready, with source and date, to the digit', async () => {
    const { data } = (await admin.call('GET', '/admin/prices?book=provider&model=gpt-4o-mini', { token })).body
    expect(data).toEqual([expect.objectContaining({ provider: 'openai', currency: 'USD', input_per_million: '0.15', output_per_million: '0.6', cached_input_per_million: '0.075', effective_at: '2026-08-21T00:00:00.000Z', source: expect.stringMatching(/^genai-prices 2026-08-21 [0-9a-f]{12}$/) })])
    const { rows } = await owner.query(`SELECT provider, count(*)::int AS count FROM price WHERE source LIKE 'genai-prices%' GROUP BY 1 ORDER BY 1`)
    expect(rows.map((row) => row.provider)).toEqual(['anthropic', 'deepseek', 'google', 'groq', 'mistral', 'openai', 'openrouter'])
    expect(rows.reduce((sum, row) => sum + row.count, 0)).toBeGreaterThanOrEqual(40)
    expect((await admin.call('GET', '/admin/prices?book=provider&model=claude-sonnet-5', { token })).body.data.map((row: { effective_at: string; input_per_million: string }) => [row.effective_at.slice(0, 10), row.input_per_million])).toEqual([['2026-08-21', '2'], ['2026-09-01', '3']])
  })

  it('cannot be changed, removed or emptied by any role, nor by the owner or a superuser, nor with their tenant', async () => {
    await admin.call('POST', '/admin/tenants', { token: await admin.personToken('owner'), body: { slug: 'acme', name: 'Acme', tier: 'free', home_region: 'us-east' } })
    expect((await add({ tenant: 'acme' })).status).toBe(201)
    const before = await owner.query('SELECT * FROM price ORDER BY id')
    const statements = ['UPDATE price SET input_pico = 0', 'UPDATE price SET is_free = true WHERE false OR true', 'DELETE FROM price', 'TRUNCATE price CASCADE', `INSERT INTO price SELECT * FROM price ON CONFLICT (id) DO UPDATE SET input_pico = 0`]
    for (const role of ['tg_app', 'tg_admin', 'tg_worker', 'tg_report', 'tg_owner', null]) {
      for (const statement of statements) {
        await owner.query('BEGIN')
        if (role) await owner.query(`SET LOCAL ROLE ${role}`)
        const verdict = await owner.query(statement).then((result) => `done: ${result.rowCount}`, (error: Error) => error.message)
        await owner.query('ROLLBACK')
        expect([role, statement, verdict]).toEqual([role, statement, expect.stringMatching(/permission denied|never changed|foreign key|row-level security/)])
      }
    }
    await expect(owner.query(`DELETE FROM tenant WHERE slug = 'acme'`)).rejects.toThrow('price_tenant_fk')
    expect((await owner.query('SELECT * FROM price ORDER BY id')).rows).toEqual(before.rows)
  })
})
