import { randomBytes } from 'node:crypto'
import { uuidv7 } from '../../libs/kernel'
import { documented, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const { url: redisUrl } = redisTargets().at(-1)!
const MONTH = 'from=2026-10-01&to=2026-11-01'

/** Bodies of `/cost-report`, as far as this file reads them. */
interface Body {
  readonly model_usage: Record<string, { cost: string; total_requests: number }>
  readonly total: Record<string, unknown>
  readonly groups: Record<string, unknown>[]
  readonly savings: Record<string, { cost: string; saved: string | null }>
  readonly data: Record<string, unknown>[]
  readonly next: string | null
  readonly has_more: boolean
  readonly error: string
  readonly code: string
}

describe('GET /cost-report', () => {
  let stack: Stack
  let tenant: SeededTenant
  let stranger: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hasWorker: false })
    tenant = await stack.addTenant({ tier: 'enterprise' })
    stranger = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`UPDATE tenant SET time_zone = 'Asia/Kolkata' WHERE id = $1`, [tenant.id])
    await apply(tenant, [
      // The last millisecond of the local September, the first of October, and both ends of 2 October.
      { started_at: '2026-09-30T18:29:59.999Z', amount_pico: '1' },
      { started_at: '2026-09-30T18:30:00.000Z', amount_pico: '20' },
      { started_at: '2026-10-01T18:30:00.000Z', amount_pico: '300', model: '=HYPERLINK("http://x")' },
      { started_at: '2026-10-02T18:29:59.999Z', amount_pico: '4000', status: 'failed', duration_ms: 9_000 },
      { started_at: '2026-10-31T18:30:00.000Z', amount_pico: '50000' },
    ])
    await apply(stranger, [{ started_at: '2026-10-10T10:00:00.000Z', amount_pico: '600000' }])
  })
  afterAll(() => stack.stop())

  async function apply(owner: SeededTenant, calls: { started_at: string; [column: string]: unknown }[]): Promise<void> {
    const claims = calls.map((call) => {
      const claim = { tenant_id: owner.id, rid: uuidv7(Date.now(), randomBytes(10)), rank: 1, budgets: [], key_id: owner.keyId, surface: 'chat', requested_model: 'phi3', model: 'phi3', provider: 'ollama', region: 'us-east', host: 'ollama-us', status: 'completed', is_stream: false, prompt_tokens: 1_000_000, completion_tokens: 0, cached_tokens: 0, cache_write_tokens: 0, reasoning_tokens: 0, usage_source: 'provider', flags: [], duration_ms: 100, attempts: 1, provider_attempts: [], ...call }
      return { ...claim, day: claim.started_at.slice(0, 10) }
    })
    await stack.owner.query('SELECT FROM apply_claims($1)', [JSON.stringify(claims)])
  }

  const get = async (query: string, key = tenant.key) => documented('GET', await fetch(`${stack.url}/cost-report?${query}`, { headers: { 'x-api-key': key } }))
  const read = async (query: string) => {
    const response = await get(query)
    return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
  }

  it("counts a month of the tenant's own zone, and nobody else's calls", async () => {
    const { body } = await read(MONTH)
    expect(Object.keys(body)).toEqual(['model_usage', 'total', 'savings', 'currency', 'from', 'to'])
    expect(body).toMatchObject({ total: { total_requests: 3, cost: '0.00000000432', error_rate: 0.3333 }, currency: 'USD', from: '2026-09-30T18:30:00.000Z', to: '2026-10-31T18:30:00.000Z' })
    expect(body.model_usage).toEqual({ phi3: expect.objectContaining({ total_requests: 2, cost: '0.00000000402' }), '=HYPERLINK("http://x")': expect.objectContaining({ total_requests: 1, cost: '0.0000000003' }) })
  })

  it('tells days apart at local midnight, within an hour of UTC', async () => {
    const { body } = await read(`from=2026-09-01&to=2026-12-01&group_by=day`)
    expect(body.groups.map(({ day, cost }) => [day, cost])).toEqual([['2026-09-30', '0.000000000001'], ['2026-10-01', '0.00000000002'], ['2026-10-02', '0.0000000043'], ['2026-11-01', '0.00000005']])
  })

  it('counts between any two instants, to the millisecond', async () => {
    const cost = async (from: string, to: string) => (await read(`from=${from}&to=${to}`)).body.total.cost
    expect(await cost('2026-09-30T18:29:59.999Z', '2026-09-30T18:30:00.001Z')).toBe('0.000000000021')
    expect(await cost('2026-09-30T18:30:00Z', '2026-10-02T23:59:59.999%2B05:30')).toBe('0.00000000032')
  })

  it('groups by any combination', async () => {
    const { body } = await read(`${MONTH}&group_by=model,project,api_key,region,provider,host,day,hour`)
    expect(body.groups).toHaveLength(3)
    expect(body.groups[2]).toMatchObject({ model: 'phi3', project: '', api_key: tenant.keyId, region: 'us-east', provider: 'ollama', host: 'ollama-us', day: '2026-10-02', hour: '2026-10-02T18:00:00Z', cost: '0.000000004', p95_duration: expect.any(Number) })
  })

  it('shows what list prices would have cost, and what was saved', async () => {
    expect((await read(MONTH)).body.savings).toMatchObject({ 'gpt-4-class': { cost: '7.5', saved: '7.49999999568' }, 'claude-sonnet-class': { cost: '9', saved: '8.99999999568' } })
  })

  it('is read in pages that hold every line once', async () => {
    const whole = (await read(`${MONTH}&group_by=day,model`)).body.groups
    const lines: Record<string, unknown>[] = []
    let next: string | null = null
    do {
      const { body } = await read(`${MONTH}&group_by=day,model&limit=1${next ? `&after=${next}` : ''}`)
      expect(Object.keys(body)).toEqual(['data', 'has_more', 'next'])
      lines.push(...body.data)
      next = body.next
    } while (next)
    expect(lines).toEqual(whole.map((line) => ({ ...line, currency: 'USD' })))
  })

  it('is CSV that no spreadsheet runs, whole or in pages', async () => {
    const response = await get(`${MONTH}&group_by=model&format=csv`)
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const csv = await response.text()
    expect(csv.split('\r\n').slice(1)).toEqual([`"'=HYPERLINK(""http://x"")",1,0.1,0.075,0.098,0,1000000,0,0,0,1000000,0.0000000003,USD`, expect.stringMatching(/^phi3,2,4\.55,.*,0\.00000000402,USD$/), ''])
    const first = await get(`${MONTH}&group_by=model&format=csv&limit=1`)
    expect((await first.text()).split('\r\n')).toHaveLength(3)
    const rest = await get(`${MONTH}&group_by=model&format=csv&limit=1&after=${first.headers.get('x-tollgate-next')}`)
    expect([(await rest.text()).split('\r\n')[1], rest.headers.get('x-tollgate-next')]).toEqual([csv.split('\r\n')[2], null])
  })

  it.each([
    ['from=yesterday', 'from'],
    ['from=2026-02-30', 'from'],
    ['to=1', 'to'],
    ['from=2026-10-01T10:00:00', 'from'],
    ['from=2026-10-01T10:00:00+01:00', 'from'],
    ['from=2026-11-01&to=2026-10-01', 'to'],
    ['from=2020-01-01', 'from'],
    ['from=2026-10-01&from=2026-10-02', 'from'],
    [`from=${'2'.repeat(500)}`, 'from'],
    ['group_by=colour', 'group_by'],
    ['group_by=tenant', 'group_by'],
    ['format=xml', 'format'],
    ['limit=10', 'limit'],
    ['after=x', 'after'],
    ['group_by=model&limit=0', 'limit'],
    ['group_by=model&limit=-1', 'limit'],
    ['group_by=model&limit=1e3', 'limit'],
    ['group_by=model&limit=1001', 'limit'],
    ['group_by=model&limit=NaN', 'limit'],
    ['group_by=model&after=x', 'after'],
    ['group_by=model&after=', 'after'],
    ['colour=red', ''],
  ])('%.60s is refused by name', async (query, field) => {
    const { status, body } = await read(query)
    expect([status, body.code]).toEqual([400, 'invalid_request'])
    expect(body.error).toMatch(new RegExp(`^Invalid request: ${field}`))
  })

  it('refuses a cursor of another grouping', async () => {
    const { next } = (await read(`${MONTH}&group_by=model&limit=1`)).body
    expect((await read(`${MONTH}&group_by=day&limit=1&after=${next}`)).status).toBe(400)
    expect((await read(`${MONTH}&group_by=model&limit=1&after=${next}`)).status).toBe(200)
  })

  it('401 without a key, and the scope is asked for', async () => {
    expect((await fetch(`${stack.url}/cost-report`)).status).toBe(401)
    await stack.owner.query(`UPDATE api_key SET scopes = '{chat}' WHERE id = $1`, [stranger.keyId])
    expect((await get('', stranger.key)).status).toBe(403)
  })
})
