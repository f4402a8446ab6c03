import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { Database } from '@tollgate/platform/postgres'
import type { InvoiceDocument } from './domain/invoice'
import type { InvoiceRecord } from './invoice.store'
import { BILLING, InvoiceWorld, servicesOf } from './invoice-world-fixture'

let world: InvoiceWorld
beforeAll(async () => {
  world = await InvoiceWorld.start()
})
afterAll(() => world.stop())

/** A tenant with September invoiced: two lines, 1.00 and 0.05, an estimate among the calls. */
async function invoiced(): Promise<{ tenant: string; invoice: InvoiceRecord; estimate: string; price: string }> {
  const tenant = await world.claims.tenant()
  const price = await world.price()
  await world.call(tenant, '2026-09-02T00:00:00Z', 900_000_000_000n, { price_id: price })
  const estimate = await world.call(tenant, '2026-09-02T00:00:00Z', 100_000_000_000n, { price_id: price, rank: 0 })
  await world.call(tenant, '2026-09-03T00:00:00Z', 50_000_000_000n, { price_id: price, model: 'tinyllama' })
  await world.seal()
  return { tenant, invoice: await world.issue(tenant, '2026-09'), estimate, price }
}
const query = (sql: string, values: unknown[] = []) => world.claims.owner.query(sql, values)

describe('a replay', () => {
  it('gives the same hash after every price has changed, late counts have come and later invoices were issued', async () => {
    const { tenant, invoice, estimate, price } = await invoiced()
    await query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) SELECT gen_random_uuid(), p.model, '2026-02-01', p.currency, p.input_pico * 2, p.output_pico * 3, 'all anew' FROM price p`)
    await world.call(tenant, '2026-09-02T00:00:00Z', 100_000_000_007n, { rid: estimate, price_id: price, prompt_tokens: 4_000 })
    await world.call(tenant, '2026-10-02T00:00:00Z', 1_000_000_000_000n, { price_id: price })
    await world.seal()
    const october = await world.issue(tenant, '2026-10')
    await query(`UPDATE tenant SET name = 'Another', currency = 'EUR', time_zone = 'Asia/Tokyo' WHERE id = $1`, [tenant])
    expect(await world.invoices.replay(invoice.terms.id)).toMatchObject({ sha256: invoice.sha256, isEqual: true, differences: [] })
    expect(await world.invoices.replay(october.terms.id)).toMatchObject({ sha256: october.sha256, isEqual: true })
    expect(JSON.parse(october.document)).toMatchObject({ number: 2, previous: { id: invoice.terms.id, sha256: invoice.sha256 } })
  })

  it('gives the same hash on a restored database', async () => {
    const other = await InvoiceWorld.start()
    const price = await other.price()
    const tenant = await other.claims.tenant()
    await other.call(tenant, '2026-09-02T00:00:00Z', 900_000_000_001n, { price_id: price })
    const estimate = await other.call(tenant, '2026-09-02T00:00:00Z', 100_000_000_000n, { rank: 0 })
    await other.seal()
    const invoice = await other.issue(tenant, '2026-09')
    await other.call(tenant, '2026-09-02T00:00:00Z', 90_000_000_000n, { rid: estimate, price_id: price })
    const { database } = other.claims
    const copy = `${database.name}_restored`
    await query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename <> current_user`, [database.name])
    await Promise.all([other.admin.close(), other.claims.worker.close(), other.claims.gateway.close(), other.claims.owner.end()])
    await query(`CREATE DATABASE ${copy} TEMPLATE ${database.name}`)
    await database.drop()
    const url = new URL(database.adminUrl)
    url.pathname = `/${copy}`
    const admin = await Database.connect({ url: url.href, role: 'tg_admin', entities: [], poolSize: 2 })
    expect(await servicesOf(admin).invoices.replay(invoice.terms.id)).toMatchObject({ sha256: invoice.sha256, isEqual: true, differences: [] })
    await admin.close()
    await query(`DROP DATABASE ${copy} WITH (FORCE)`)
  })

  it.each([
    ['a ledger row', `UPDATE ledger SET delta_pico = delta_pico + 1 WHERE tenant_id = $1 AND delta_pico = 50000000000`, ['by_project.0.total.exact', 'by_project.0.total.residue', 'lines.1.exact', 'lines.1.residue', 'total.exact', 'total.residue']],
    ['a usage row', `UPDATE usage SET prompt_tokens = 11, model = 'phi4' WHERE tenant_id = $1 AND model = 'tinyllama'`, ['lines.1.model', 'lines.1.tokens.prompt']],
    ['a link of the chain', `UPDATE ledger_seal SET hash = sha256('x') WHERE tenant_id = $1 AND seq = 3`, ['ledger.head']],
    ['a kept estimate', `ALTER TABLE invoice_estimate DISABLE TRIGGER ALL; UPDATE invoice_estimate SET completion_tokens = 0; ALTER TABLE invoice_estimate ENABLE TRIGGER ALL`, ['lines.0.tokens.completion']],
    ['the invoice itself', `ALTER TABLE invoice DISABLE TRIGGER ALL; UPDATE invoice SET document = replace(document, '"amount":"0.05"', '"amount":"0.06"'), sha256 = encode(sha256(convert_to(replace(document, '"amount":"0.05"', '"amount":"0.06"'), 'UTF8')), 'hex'); ALTER TABLE invoice ENABLE TRIGGER ALL`, ['lines.1.amount']],
  ])('names what differs when a superuser has changed %s', async (_what, sql, paths) => {
    const { tenant, invoice } = await invoiced()
    await query(sql.replaceAll('$1', `'${tenant}'`))
    const replay = await world.invoices.replay(invoice.terms.id)
    expect(replay.isEqual).toBe(false)
    expect(replay.differences.map(({ path }) => path)).toEqual(paths)
  })

  it('of a ledger row that is gone says so rather than invent one', async () => {
    const { tenant, invoice } = await invoiced()
    await query(`DELETE FROM ledger WHERE tenant_id = $1 AND delta_pico = 50000000000`, [tenant])
    expect((await world.invoices.replay(invoice.terms.id)).differences.map(({ path }) => path)).toEqual(['by_project.0.requests', 'by_project.0.total.amount', 'by_project.0.total.exact', 'lines.1', 'requests', 'total.amount', 'total.exact'])
  })
})

describe('an issued invoice', () => {
  let facts: Awaited<ReturnType<typeof invoiced>>
  beforeAll(async () => {
    facts = await invoiced()
    await world.credits.add(facts.invoice, { line: 2, amount: '0.01', reason: 'spec' }, BILLING)
  })

  it.each(['invoice', 'invoice_line', 'invoice_estimate', 'credit_note'])('cannot be changed, removed or emptied: %s, not even by a superuser', async (table) => {
    for (const sql of [`UPDATE ${table} SET tenant_id = tenant_id`, `DELETE FROM ${table}`, `TRUNCATE ${table} CASCADE`]) await expect(query(sql)).rejects.toThrow('never changed or removed')
    for (const sql of [`UPDATE ${table} SET tenant_id = tenant_id`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]) await expect(world.admin.query(sql)).rejects.toThrow('permission denied')
  })

  const copyOf = (changes: Record<string, string>) =>
    world.admin.query(
      `INSERT INTO invoice (tenant_id, id, number, tenant_slug, tenant_name, period, starts_at, ends_at, time_zone, currency, minor_digits, first_seq, after_seq, cutoff_seq, open_seq, line_count, total_minor, document, sha256, issued_at, issued_by)
       SELECT tenant_id, gen_random_uuid(), ${changes.number ?? 'number + 1'}, tenant_slug, tenant_name, ${changes.period ?? `'2026-10'`}, ${changes.starts_at ?? 'ends_at'}, ends_at + interval '1 month', time_zone, currency, minor_digits,
         ${changes.first_seq ?? 'open_seq'}, ${changes.after_seq ?? 'cutoff_seq'}, cutoff_seq, open_seq, ${changes.line_count ?? '0'}, ${changes.total_minor ?? '0'}, document, ${changes.sha256 ?? 'sha256'}, issued_at, issued_by
       FROM invoice WHERE id = $1`,
      [facts.invoice.terms.id],
    )

  it.each([
    ['that does not begin where the last one ended', { starts_at: `ends_at + interval '1 hour'` }, 'invoice_follows_previous'],
    ['that leaves a part of the chain out', { first_seq: 'open_seq + 1', after_seq: 'cutoff_seq' }, 'invoice_'],
    ['that bills a part of the chain again', { after_seq: 'cutoff_seq - 1' }, 'invoice_'],
    ['that skips a number', { number: 'number + 2' }, 'invoice_follows_previous'],
    ['of a period that has one', { period: 'period' }, 'invoice_period_key'],
    ['whose hash is of another document', { sha256: `encode(sha256('x'), 'hex')` }, 'invoice_hash_is_of_document'],
    ['whose total is not the sum of its lines', { total_minor: '1' }, 'are not what it says'],
    ['whose lines are not all there', { line_count: '1' }, 'are not what it says'],
  ])('is followed by none %s', async (_what, changes, reason) => {
    await expect(copyOf(changes)).rejects.toThrow(reason)
  })

  it('takes no further line, not even of nothing', async () => {
    await expect(world.admin.query(`INSERT INTO invoice_line (tenant_id, invoice_id, line, kind, model, amount_minor) VALUES ($1, $2, 9, 'usage', 'x', 0)`, [facts.tenant, facts.invoice.terms.id])).rejects.toThrow('are not what it says')
  })

  it('and its credits are seen by its tenant alone, and by no tenant without a context', async () => {
    const other = await invoiced()
    const seen = (tenant: string) => world.claims.gateway.withTenant(tenant, (tx) => tx.query('SELECT (SELECT array_agg(DISTINCT tenant_id) FROM invoice) AS invoices, (SELECT array_agg(DISTINCT tenant_id) FROM invoice_line) AS lines, (SELECT count(*)::int FROM credit_note) AS notes'))
    expect(await seen(facts.tenant)).toEqual([{ invoices: [facts.tenant], lines: [facts.tenant], notes: 1 }])
    expect(await seen(other.tenant)).toEqual([{ invoices: [other.tenant], lines: [other.tenant], notes: 0 }])
    expect(await world.claims.gateway.query('SELECT id FROM invoice UNION ALL SELECT invoice_id FROM invoice_line UNION ALL SELECT id FROM credit_note')).toEqual([])
    for (const sql of [`INSERT INTO invoice_line (tenant_id, invoice_id, line, kind, model, amount_minor) VALUES ('${facts.tenant}', '${facts.invoice.terms.id}', 9, 'usage', 'x', 0)`, 'SELECT * FROM invoice_estimate']) await expect(world.claims.gateway.withTenant(facts.tenant, (tx) => tx.query(sql))).rejects.toThrow('permission denied')
  })

  it('is not found under another tenant', async () => {
    await expect(world.invoices.get(facts.invoice.terms.id, randomUUID())).rejects.toThrow('not found')
    expect((await world.invoices.get(facts.invoice.terms.id, facts.tenant)).sha256).toBe(facts.invoice.sha256)
  })
})

describe('a credit note', () => {
  const amounts = async (id: string) => (await query('SELECT line, sum(amount_minor)::int AS sum, array_agg(number ORDER BY number) AS numbers FROM credit_note WHERE invoice_id = $1 GROUP BY line ORDER BY line', [id])).rows

  it('gives back no more than was billed, whoever races', async () => {
    const { invoice } = await invoiced()
    const notes = Array.from({ length: 24 }, (_, i) => world.credits.add(invoice, { line: 1, amount: i % 2 ? '0.09' : '0.10', reason: `race ${i}` }, BILLING))
    const outcomes = await Promise.allSettled(notes)
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
    const [line] = await amounts(invoice.terms.id)
    expect(line.sum).toBeGreaterThan(90)
    expect(line.sum).toBeLessThanOrEqual(100)
    expect(line.numbers).toEqual(Array.from({ length: 24 - refused.length }, (_, i) => i + 1))
    for (const reason of refused) expect(reason).toMatch(/Line 1 has 0\.0\d USD left to give back; 0\.(09|10) was asked for/)
    expect((await world.invoices.replay(invoice.terms.id)).isEqual).toBe(true)
  })

  it('cannot slip past under an older snapshot', async () => {
    const { tenant, invoice } = await invoiced()
    const clients = [new Client({ connectionString: world.claims.database.adminUrl }), new Client({ connectionString: world.claims.database.adminUrl })]
    for (const client of clients) {
      await client.connect()
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      await client.query('SELECT 1 FROM credit_note')
    }
    const add = (client: Client) => client.query(`INSERT INTO credit_note (tenant_id, id, invoice_id, line, amount_minor, reason, created_at, created_by) VALUES ($1, gen_random_uuid(), $2, 1, 80, 'x', now(), $1)`, [tenant, invoice.terms.id])
    await add(clients[0]!)
    const second = add(clients[1]!)
    await clients[0]!.query('COMMIT')
    await expect(second).rejects.toThrow('credit_note_pk')
    for (const client of clients) await client.end()
    expect(await amounts(invoice.terms.id)).toEqual([{ line: 1, sum: 80, numbers: [1] }])
  })

  it.each([
    ['0.051', 'amount must be'], ['0', 'amount must be'], ['0.00', 'amount must be'], ['-0.01', 'amount must be'], ['1e1', 'amount must be'], ['NaN', 'amount must be'], ['999999999999999', 'has 0.05 USD left'], ['0.06', 'has 0.05 USD left'],
  ])('of %s is refused: %s', async (amount, reason) => {
    const { invoice } = await invoiced()
    await expect(world.credits.add(invoice, { line: 2, amount, reason: 'spec' }, BILLING)).rejects.toThrow(reason)
    expect(await amounts(invoice.terms.id)).toEqual([])
  })

  it('of a line that is not there, or that gave money back itself, is refused', async () => {
    const tenant = await world.claims.tenant()
    const rid = await world.call(tenant, '2026-08-02T00:00:00Z', 900_000_000_000n, { rank: 0 })
    await world.seal()
    await world.issue(tenant, '2026-08')
    await world.call(tenant, '2026-08-02T00:00:00Z', 100_000_000_000n, { rid })
    await world.seal()
    const september = await world.issue(tenant, '2026-09')
    expect((JSON.parse(september.document) as InvoiceDocument).total.amount).toBe('-0.80')
    await expect(world.credits.add(september, { line: 1, amount: '0.01', reason: 'spec' }, BILLING)).rejects.toThrow('Line 1 has -0.80 USD left')
    await expect(world.credits.add(september, { line: 2, amount: '0.01', reason: 'spec' }, BILLING)).rejects.toThrow('Invoice line 2 not found')
  })
})
