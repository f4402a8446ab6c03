import { createHash } from 'node:crypto'
import { picoFromDecimal } from '@tollgate/kernel'
import { redisTargets, type SeededTenant } from '../support'
import { callsIn, issue, MONTH, NEXT_MONTH, startInvoiceStack, type InvoiceStack } from './invoices-fixture'

const redisUrl = redisTargets().at(-1)!.url

interface LineRequest {
  readonly request_id: string
  readonly amount: string
}

describe('invoices', () => {
  let world: InvoiceStack
  let tenant: SeededTenant
  let invoice: { id: string; sha256: string; total: string }
  beforeAll(async () => {
    world = await startInvoiceStack(redisUrl)
    tenant = await world.stack.addTenant({ tier: 'enterprise' })
    await callsIn(world, tenant, MONTH, 4)
    await callsIn(world, tenant, MONTH, 2, 'phi3')
    invoice = await issue(world, tenant)
  })
  afterAll(() => world.stop())

  const get = (path: string, token = world.owner) => world.admin.call('GET', path, { token })
  const post = (path: string, body: unknown, token = world.owner) => world.admin.call('POST', path, { token, body })
  const raw = (path: string) => world.admin.app.inject({ method: 'GET', url: path, headers: { authorization: `Bearer ${world.owner}` } })

  it('say what the ledger says, line by line', async () => {
    const { body } = await get(`/admin/invoices/${invoice.id}`)
    const { rows } = await world.stack.owner.query(`SELECT u.model, count(*)::int AS requests, sum(l.delta_pico)::text AS pico FROM ledger l JOIN usage u USING (day, rid) WHERE l.tenant_id = $1 AND l.day < current_date - 1 GROUP BY 1 ORDER BY 1`, [tenant.id])
    expect(body.lines.map((line: { model: string; requests: number; exact: string }) => ({ model: line.model, requests: line.requests, pico: String(picoFromDecimal(line.exact)) }))).toEqual(rows)
    expect(body).toMatchObject({ sha256: invoice.sha256, number: 1, currency: 'USD', credited: '0.00', balance: invoice.total, credit_notes: [], period: { name: MONTH, time_zone: 'UTC' } })
    expect((await get(`/admin/invoices?tenant=${tenant.slug}`)).body.data).toEqual([expect.objectContaining({ id: invoice.id, tenant: tenant.slug, period: MONTH, total: invoice.total, sha256: invoice.sha256 })])
  })

  it('come as the bytes that were hashed, as CSV and as a page that runs nothing', async () => {
    const json = await raw(`/admin/invoices/${invoice.id}/document`)
    expect(createHash('sha256').update(json.rawPayload).digest('hex')).toBe(invoice.sha256)
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8')
    expect((await get(`/admin/invoices/${invoice.id}/document`)).body).toEqual(json.json())
    const csv = await raw(`/admin/invoices/${invoice.id}/document?format=csv`)
    expect([csv.headers['content-type'], csv.headers['content-disposition'], csv.body.split('\r\n').length]).toEqual(['text/csv; charset=utf-8', `attachment; filename="invoice-${tenant.slug}-${MONTH}.csv"`, 5])
    const page = await raw(`/admin/invoices/${invoice.id}/document?format=html`)
    expect([page.headers['content-type'], page.headers['content-security-policy'], page.headers['cache-control']]).toEqual(['text/html; charset=utf-8', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'", 'no-store'])
    expect(page.body).toContain(invoice.sha256)
    expect((await get(`/admin/invoices/${invoice.id}/document?format=xml`)).status).toBe(400)
  })

  it('lead from each line to its requests, and from a request to its record', async () => {
    const { body } = await get(`/admin/invoices/${invoice.id}`)
    for (const line of body.lines as { line: number; requests: number; exact: string }[]) {
      const found: LineRequest[] = []
      for (let next: string | null = ''; next !== null; ) {
        const page = (await get(`/admin/invoices/${invoice.id}/lines/${line.line}/requests?limit=3${next ? `&after=${next}` : ''}`)).body as { data: LineRequest[]; next: string | null }
        found.push(...page.data)
        next = page.next
      }
      expect(new Set(found.map(({ request_id: id }) => id)).size).toBe(line.requests)
      expect(found.reduce((sum, { amount }) => sum + picoFromDecimal(amount)!, 0n)).toBe(picoFromDecimal(line.exact))
    }
    for (const line of ['0', '3', 'NaN', '-1', '1.5']) expect((await get(`/admin/invoices/${invoice.id}/lines/${line}/requests`)).status).toBe(404)
  })

  it('replay to the same hash after every price has changed', async () => {
    for (const model of ['*', 'llama3.2', 'phi3']) expect((await post('/admin/prices', { model, currency: 'USD', input_per_million: '5000', output_per_million: '6000', source: 'all anew', effective_at: `${MONTH}-01T00:00:00Z` })).status).toBe(201)
    expect((await post(`/admin/invoices/${invoice.id}/replay`, {})).body).toEqual({ id: invoice.id, issued_sha256: invoice.sha256, sha256: invoice.sha256, equal: true, differences: [] })
  })

  it('are issued once, whoever asks at once, and only for a month that is over', async () => {
    const other = await world.stack.addTenant({ tier: 'enterprise' })
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => post(`/admin/tenants/${other.slug}/invoices`, { period: MONTH })))
    expect(outcomes.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409])
    const { body } = await post(`/admin/tenants/${other.slug}/invoices`, { period: new Date().toISOString().slice(0, 7), force: true })
    expect(body).toMatchObject({ status: 409, code: 'invoice_not_ready', detail: expect.stringContaining('the period ends at') })
    for (const period of ['2026-13', '2026-1', '26-01', 7, null, '2026-01-01']) expect((await post(`/admin/tenants/${other.slug}/invoices`, { period })).status).toBe(400)
  })

  it('are never edited: credit notes give back, within what was billed', async () => {
    const billed = await world.stack.addTenant({ tier: 'enterprise' })
    await callsIn(world, billed, NEXT_MONTH, 1)
    const credited = await issue(world, billed, NEXT_MONTH, true)
    const url = `/admin/invoices/${credited.id}/credit-notes`
    expect(Number(credited.total)).toBeGreaterThan(0.01)
    expect((await post(url, { line: 1, amount: '0.01', reason: ' too much ' })).body).toMatchObject({ invoice_id: credited.id, line: 1, amount: '0.01', currency: 'USD', reason: 'too much' })
    const left = (Number(credited.total) - 0.01).toFixed(2)
    expect((await post(url, { line: 1, amount: credited.total, reason: 'all of it' })).body).toMatchObject({ status: 409, code: 'credit_exceeds_line', detail: `Line 1 has ${left} USD left to give back; ${credited.total} was asked for.` })
    expect((await get(`/admin/invoices/${credited.id}`)).body).toMatchObject({ credited: '0.01', balance: left, lines: [{ credited: '0.01' }], credit_notes: [{ line: 1, amount: '0.01' }], sha256: credited.sha256 })
    expect((await post(`/admin/invoices/${credited.id}/replay`, {})).body.equal).toBe(true)
    for (const body of [{ line: 1, amount: 0.01, reason: 'x' }, { line: 0, amount: '1', reason: 'x' }, { line: 1, amount: '1', reason: ' ' }, { line: 1, amount: '0.001', reason: 'x' }]) expect((await post(url, body)).status).toBe(400)
    expect((await post(url, { line: 9, amount: '0.01', reason: 'x' })).status).toBe(404)
  })

  describe('of a tenant', () => {
    it('are read by its billing people, and nobody else reads them', async () => {
      const foreign = await world.stack.addTenant({ tier: 'enterprise' })
      const [billing, developer, stranger] = [await world.admin.personToken('billing', tenant.id), await world.admin.personToken('developer', tenant.id), await world.admin.personToken('owner', foreign.id)]
      const own = `/admin/tenants/${tenant.slug}/invoices`
      for (const path of ['', `/${invoice.id}`, `/${invoice.id}/document`, `/${invoice.id}/lines/1/requests`]) {
        expect([path, (await get(own + path, billing)).status, (await get(own + path, developer)).status, (await get(own + path, stranger)).status]).toEqual([path, 200, 403, 404])
        if (path !== '') expect((await get(`/admin/tenants/${foreign.slug}/invoices${path}`, stranger)).status).toBe(404)
      }
      expect((await get(`/admin/tenants/${foreign.slug}/invoices`, stranger)).body.data).toEqual([])
      for (const path of [`/admin/invoices/${invoice.id}`, '/admin/invoices']) expect((await get(path, billing)).status).toBe(403)
      expect((await post(own, { period: NEXT_MONTH }, billing)).status).toBe(403)
    })

    it('that does not exist, or no id at all, is not found', async () => {
      for (const id of ['none', '019a0000-0000-7000-8000-000000000001', "' OR 1=1 --"]) {
        expect((await get(`/admin/invoices/${encodeURIComponent(id)}`)).body).toMatchObject({ status: 404, code: 'object_not_found' })
        expect((await post(`/admin/invoices/${encodeURIComponent(id)}/replay`, {})).status).toBe(404)
      }
    })
  })
})
