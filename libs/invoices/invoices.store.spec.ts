import fc from 'fast-check'
import { decimalFromPico } from '@tollgate/kernel'
import { InvoiceWorld } from './invoice-world-fixture'
import { canonicalJson, sha256 } from './domain/canonical-json'
import type { InvoiceDocument } from './domain/invoice'
import type { InvoiceRecord } from './invoice.store'

let world: InvoiceWorld
beforeAll(async () => {
  world = await InvoiceWorld.start()
})
afterAll(() => world.stop())

const documentOf = ({ document }: InvoiceRecord) => JSON.parse(document) as InvoiceDocument
const linesOf = (invoice: InvoiceRecord) => documentOf(invoice).lines.map(({ kind, model, requests, tokens, exact, amount }) => `${kind} ${model} ${requests} ${tokens.prompt}/${tokens.completion} ${exact} ${amount}`)
const replays = async (...invoices: InvoiceRecord[]) => {
  for (const { terms, sha256 } of invoices) expect(await world.invoices.replay(terms.id)).toMatchObject({ sha256, isEqual: true, differences: [] })
}
const ledgerOf = async (tenant: string) => BigInt((await world.claims.owner.query('SELECT coalesce(sum(delta_pico), 0)::text AS sum FROM ledger WHERE tenant_id = $1', [tenant])).rows[0].sum)

describe('an invoice', () => {
  it('has a line for each model and price row, exact to the ledger, and counts what cost nothing apart', async () => {
    const tenant = await world.claims.tenant()
    const [one, two] = [await world.price(), await world.price()]
    for (let i = 0; i < 5; i++) await world.call(tenant, '2026-09-10T10:00:00Z', 1_111_111_111n, { price_id: one })
    await world.call(tenant, '2026-09-30T23:59:59.999Z', 5_000_000_000n, { price_id: two })
    await world.call(tenant, '2026-09-01T00:00:00Z', 15_000_000_000n, { price_id: two, model: 'mistral:7b' })
    await world.call(tenant, '2026-09-15T00:00:00Z', 0n, { price_id: two, status: 'failed' })
    await world.call(tenant, '2026-10-01T00:00:00Z', 7n, { price_id: one })
    await world.seal()
    const invoice = await world.issue(tenant, '2026-09')
    expect(linesOf(invoice)).toEqual(['usage mistral:7b 1 10/20 0.015 0.02', 'usage phi3 5 50/100 0.005555555555 0.01', 'usage phi3 1 10/20 0.005 0.00'])
    expect(documentOf(invoice)).toMatchObject({ number: 1, requests: 7, requests_without_charge: 1, total: { exact: '0.025555555555', amount: '0.03', residue: '-0.004444444445' }, previous: null, currency: 'USD' })
    expect(invoice.totalMinor).toBe(3n)
    await replays(invoice)
  })

  it('has lines of their own for each project, named as they were called then, whatever becomes of them', async () => {
    const tenant = await world.claims.tenant()
    const price_id = await world.price()
    const [lab, shop] = [world.claims.uuid(), world.claims.uuid()]
    for (const [id, slug] of [[lab, 'lab'], [shop, 'shop']]) await world.claims.owner.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, $2, $3, upper($3))`, [tenant, id, slug])
    const at = '2026-09-10T10:00:00Z'
    const calls: Record<string, string[]> = {}
    for (const [name, project_id, pico] of [['none', null, 15_000_000_000n], ['lab', lab, 25_000_000_000n], ['lab', lab, 7n], ['shop', shop, 35_000_000_000n]] as const) (calls[name] ??= []).push(await world.call(tenant, at, pico, { price_id, project_id }))
    const late = await world.call(tenant, at, 50_000_000_000n, { price_id, project_id: shop, rank: 0 })
    await world.seal()
    const september = await world.issue(tenant, '2026-09')
    await world.claims.owner.query(`UPDATE project SET slug = 'other', name = 'Other' WHERE id = $1`, [lab])
    await world.claims.owner.query('DELETE FROM project WHERE id = $1', [shop])
    await world.call(tenant, at, 60_000_000_000n, { price_id, project_id: shop, rid: late })
    await world.call(tenant, '2026-10-10T10:00:00Z', 20_000_000_000n, { price_id, project_id: lab })
    await world.seal()
    const october = await world.issue(tenant, '2026-10')
    const lines = (invoice: InvoiceRecord) => documentOf(invoice).lines.map(({ project, kind, requests, amount }) => [project && (project.slug ?? project.id), kind, requests, amount])
    expect(lines(september)).toEqual([[null, 'usage', 1, '0.02'], ['lab', 'usage', 2, '0.03'], ['shop', 'usage', 2, '0.08']])
    expect(documentOf(september).by_project!.map(({ project, total }) => [project?.name, total.amount])).toEqual([[undefined, '0.02'], ['LAB', '0.03'], ['SHOP', '0.08']])
    expect(lines(october)).toEqual([[shop, 'adjustment', 1, '0.01'], ['other', 'usage', 1, '0.02']])
    const requests = async (line: number) => (await world.invoices.requests(september, line, { afterSeq: 0, limit: 9 })).map(({ rid }) => rid).sort()
    expect([await requests(1), await requests(2), await requests(3)]).toEqual([calls.none, calls.lab!.sort(), [...calls.shop!, late].sort()])
    await replays(september, october)
    const kept = await world.claims.owner.query('SELECT project_id FROM invoice_line WHERE invoice_id = $1 ORDER BY line', [september.terms.id])
    expect(kept.rows.map(({ project_id: id }) => id)).toEqual([null, lab, shop])
  })

  it('issued before lines had projects replays to the bytes it had then', async () => {
    const tenant = await world.claims.tenant()
    const price_id = await world.price()
    const rid = await world.call(tenant, '2026-09-10T10:00:00Z', 15_000_000_000n, { price_id })
    await world.call(tenant, '2026-09-10T10:00:00Z', 25_000_000_000n, { price_id })
    await world.seal()
    const { terms, document } = await world.issue(tenant, '2026-09')
    const { by_project: _groups, ...rest } = JSON.parse(document) as InvoiceDocument
    const former = canonicalJson({ ...rest, format: 'tollgate invoice 1', lines: rest.lines.map(({ project: _project, ...line }) => line) })
    await world.claims.owner.query('ALTER TABLE invoice DISABLE TRIGGER ALL')
    await world.claims.owner.query('UPDATE invoice SET projects = NULL, document = $2, sha256 = $3 WHERE id = $1', [terms.id, former, sha256(former)])
    await world.claims.owner.query('ALTER TABLE invoice ENABLE TRIGGER ALL')
    await world.claims.owner.query('UPDATE usage SET project_id = gen_random_uuid() WHERE rid = $1', [rid])
    const invoice = await world.invoices.get(terms.id)
    expect(await world.invoices.replay(terms.id)).toMatchObject({ sha256: sha256(former), isEqual: true, differences: [] })
    expect(await world.invoices.requests(invoice, 1, { afterSeq: 0, limit: 9 })).toHaveLength(2)
  })

  it.each([
    ['JPY', '12', 0],
    ['KWD', '12.346', 3],
    ['USD', '12.35', 2],
  ])('in %s is rounded to %s', async (currency, amount, digits) => {
    const tenant = await world.claims.tenant()
    await world.call(tenant, '2026-09-10T10:00:00Z', 12_345_600_000_000n)
    await world.seal()
    const invoice = await world.issue(tenant, '2026-09', { currency })
    expect(documentOf(invoice)).toMatchObject({ total: { exact: '12.3456', amount }, rounding: { digits } })
    await replays(invoice)
  })

  it('of a month with a change of clocks goes from local midnight to local midnight', async () => {
    const tenant = await world.claims.tenant()
    const timeZone = 'Europe/Berlin'
    const edges = { feb: '2026-02-28T22:59:59.999Z', march: ['2026-02-28T23:00:00Z', '2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z', '2026-03-31T21:59:59.999Z'], april: '2026-03-31T22:00:00Z' }
    for (const at of [edges.feb, ...edges.march, edges.april]) await world.call(tenant, at, 10_000_000_000n)
    await world.seal()
    const invoices = [await world.issue(tenant, '2026-02', { timeZone }), await world.issue(tenant, '2026-03', { timeZone }), await world.issue(tenant, '2026-04', { timeZone })]
    expect(invoices.map(({ terms }) => `${terms.startsAt} ${terms.endsAt}`)).toEqual(['2026-01-31T23:00:00.000Z 2026-02-28T23:00:00.000Z', '2026-02-28T23:00:00.000Z 2026-03-31T22:00:00.000Z', '2026-03-31T22:00:00.000Z 2026-04-30T22:00:00.000Z'])
    expect(invoices.map((invoice) => documentOf(invoice).total.amount)).toEqual(['0.01', '0.04', '0.01'])
    await replays(...invoices)
  })

  it('begins where the one before ended, whatever the time zone became', async () => {
    const tenant = await world.claims.tenant()
    await world.call(tenant, '2026-08-20T00:00:00Z', 10_000_000_000n)
    await world.call(tenant, '2026-09-01T03:00:00Z', 20_000_000_000n)
    await world.seal()
    await world.issue(tenant, '2026-08')
    const september = await world.issue(tenant, '2026-09', { timeZone: 'America/New_York' })
    expect(september.terms).toMatchObject({ startsAt: '2026-09-01T00:00:00.000Z', endsAt: '2026-10-01T04:00:00.000Z' })
    expect(documentOf(september).total.amount).toBe('0.02')
  })
})

describe('what comes late', () => {
  it('of a call whose estimate was billed: the difference, on the next invoice; the first one replays as it was', async () => {
    const tenant = await world.claims.tenant()
    const [one, two] = [await world.price(), await world.price()]
    await world.call(tenant, '2026-08-10T00:00:00Z', 40_000_000_000n)
    const swept = await world.call(tenant, '2026-08-11T00:00:00Z', 500_000_000_000n, { rank: 0, price_id: one, prompt_tokens: 100, completion_tokens: 7, cached_tokens: 0, reasoning_tokens: 0 })
    await world.seal()
    const august = await world.issue(tenant, '2026-08')
    await world.call(tenant, '2026-08-11T00:00:00Z', 620_000_000_000n, { rid: swept, price_id: two, prompt_tokens: 90, completion_tokens: 11 })
    await world.call(tenant, '2026-09-11T00:00:00Z', 10_000_000_000n)
    await world.seal()
    const september = await world.issue(tenant, '2026-09')
    expect(linesOf(august)).toEqual(['usage phi3 1 10/20 0.04 0.04', 'usage phi3 1 100/7 0.5 0.50'])
    expect(linesOf(september)).toEqual(['usage phi3 1 10/20 0.01 0.01', 'adjustment phi3 1 -10/4 0.12 0.12'])
    await replays(august, september)
    expect(august.totalMinor + september.totalMinor).toBe(67n)
  })

  it('downwards is below zero; a correction within the period is no adjustment', async () => {
    const tenant = await world.claims.tenant()
    const early = await world.call(tenant, '2026-08-11T00:00:00Z', 500_000_000_000n, { rank: 0 })
    const late = await world.call(tenant, '2026-08-11T00:00:00Z', 500_000_000_000n, { rank: 0 })
    await world.call(tenant, '2026-08-11T00:00:00Z', 300_000_000_000n, { rid: early })
    await world.seal()
    const august = await world.issue(tenant, '2026-08')
    await world.call(tenant, '2026-08-11T00:00:00Z', 0n, { rid: late })
    await world.seal()
    const september = await world.issue(tenant, '2026-09')
    expect(linesOf(august)).toEqual(['usage phi3 2 20/40 0.8 0.80'])
    expect(linesOf(september)).toEqual(['adjustment phi3 1 0/0 -0.5 -0.50'])
    await replays(august, september)
  })

  it('as a whole call, found after the period was invoiced, is on the next one', async () => {
    const tenant = await world.claims.tenant()
    await world.call(tenant, '2026-08-01T00:00:00Z', 10_000_000_000n)
    await world.seal()
    const august = await world.issue(tenant, '2026-08')
    await world.call(tenant, '2026-08-31T23:59:59Z', 30_000_000_000n)
    await world.call(tenant, '2026-07-31T23:59:59Z', 50_000_000_000n)
    await world.seal()
    const september = await world.issue(tenant, '2026-09')
    expect(linesOf(september)).toEqual(['adjustment phi3 2 20/40 0.08 0.08'])
    await replays(august, september)
  })

  it('in any order, over any months: every ledger row stands on exactly one invoice, and each replays', async () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), month: fc.integer({ min: 5, max: 9 }), pico: fc.bigInt({ min: 0n, max: 10n ** 13n }), rank: fc.constantFrom(0, 1) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(100), pico: fc.bigInt({ min: 0n, max: 10n ** 13n }) }) },
      { weight: 3, arbitrary: fc.constant({ do: 'issue' as const }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 30 }), async (events) => {
        const tenant = await world.claims.tenant()
        const prices = [await world.price(), await world.price(), null]
        const open: { rid: string; at: string }[] = []
        const issued: InvoiceRecord[] = []
        let [month, count] = [5, 0]
        const issue = async () => {
          await world.seal()
          issued.push(await world.issue(tenant, `2026-0${month++}`))
        }
        await world.call(tenant, '2026-05-01T00:00:00Z', 1n)
        for (const next of events) {
          const price_id = prices[count++ % 3]
          if (next.do === 'call') {
            const at = `2026-0${next.month}-1${count % 10}T00:00:00Z`
            const rid = await world.call(tenant, at, next.pico, { rank: next.rank, price_id, model: count % 2 ? 'phi3' : 'mistral:7b' })
            if (next.rank === 0) open.push({ rid, at })
          } else if (next.do === 'finish' && open.length > 0) {
            const [{ rid, at }] = open.splice(next.which % open.length, 1) as [{ rid: string; at: string }]
            await world.call(tenant, at, next.pico, { rid, price_id })
          } else if (next.do === 'issue' && month < 9) await issue()
        }
        while (month < 10) await issue()
        // Each ledger row by the rule alone: the invoices that cover it, counted without the code that made them.
        const { rows } = await world.claims.owner.query(
          `SELECT count(*) FILTER (WHERE n = 1)::int AS once, count(*)::int AS rows FROM (
             SELECT (SELECT count(*) FROM invoice i WHERE i.tenant_id = $1 AND s.seq BETWEEN i.first_seq AND i.cutoff_seq AND u.started_at < i.ends_at AND (u.started_at >= i.starts_at OR s.seq > i.after_seq)) AS n
             FROM ledger_seal s JOIN usage u USING (tenant_id, day, rid) WHERE s.tenant_id = $1) covered`,
          [tenant],
        )
        expect(rows[0].once).toBe(rows[0].rows)
        const exact = await world.claims.owner.query(`SELECT sum((document::jsonb -> 'total' ->> 'exact')::numeric)::text AS sum FROM invoice WHERE tenant_id = $1`, [tenant])
        expect(Number(exact.rows[0].sum)).toBe(Number(decimalFromPico(await ledgerOf(tenant))))
        await replays(...issued)
      }),
      { numRuns: 12 },
    )
  }, 60_000)
})

describe('a line', () => {
  it('leads to its calls, page by page; their amounts add up to it', async () => {
    const tenant = await world.claims.tenant()
    const [one, two] = [await world.price(), await world.price()]
    const wanted: string[] = []
    for (let i = 0; i < 25; i++) {
      const rid = await world.call(tenant, `2026-09-${10 + (i % 20)}T00:00:00Z`, BigInt(i) * 1_000n, { price_id: i % 2 ? one : two, rank: i % 5 ? 1 : 0 })
      if (i % 2) wanted.push(rid)
      if (i % 10 === 5) await world.call(tenant, `2026-09-${10 + (i % 20)}T00:00:00Z`, 77n, { rid, price_id: one })
    }
    await world.seal()
    const invoice = await world.issue(tenant, '2026-09')
    const line = documentOf(invoice).lines.find(({ price }) => price!.id === one)!
    const found: { rid: string; amountPico: bigint }[] = []
    for (let afterSeq = 0, page = 5; page === 5; ) {
      const rows = await world.invoices.requests(invoice, line.line, { afterSeq, limit: 5 })
      found.push(...rows)
      page = rows.length
      afterSeq = rows.at(-1)?.seq ?? 0
    }
    expect(found.map(({ rid }) => rid).sort()).toEqual(wanted.sort())
    expect(line.requests).toBe(12)
    expect(decimalFromPico(found.reduce((sum, { amountPico }) => sum + amountPico, 0n))).toBe(line.exact)
    await expect(world.invoices.requests(invoice, 3, { afterSeq: 0, limit: 5 })).rejects.toThrow('Invoice line 3 not found')
  })
})

describe('a period is not invoiced', () => {
  it('while it runs, forced or not', async () => {
    const tenant = await world.claims.tenant()
    for (const isForced of [true, false]) await expect(world.issue(tenant, '2026-11', { isForced })).rejects.toThrow('the period ends at 2026-12-01T00:00:00.000Z')
  })

  it('for 26 hours after its end, unless it is forced', async () => {
    const tenant = await world.claims.tenant()
    const { invoices } = world
    const wanted = { tenant: { id: tenant, slug: 'x', name: 'x', currency: 'USD', timeZone: 'UTC' }, period: '2026-11', startsAt: '2026-11-01T00:00:00.000Z', endsAt: '2026-11-19T00:00:00.000Z', isForced: false, issuedBy: tenant }
    await expect(invoices.issue(wanted)).rejects.toThrow('late counts may come until 2026-11-20T02:00:00.000Z')
    expect((await invoices.issue({ ...wanted, isForced: true })).terms.period).toBe('2026-11')
  })

  it('while a ledger row of it is not sealed, since the chain is what an invoice reads', async () => {
    const tenant = await world.claims.tenant()
    await world.call(tenant, '2026-09-01T00:00:00Z', 1n)
    await expect(world.issue(tenant, '2026-09')).rejects.toThrow('1 ledger entries are not sealed yet')
    await world.seal()
    await world.call(tenant, '2026-10-01T00:00:00Z', 1n)
    await world.issue(tenant, '2026-09')
  })

  it('before an earlier month with calls, twice, or by two at once', async () => {
    const tenant = await world.claims.tenant()
    await world.call(tenant, '2026-05-03T04:05:06Z', 1n)
    await world.call(tenant, '2026-08-01T00:00:00Z', 1n)
    await world.seal()
    await expect(world.issue(tenant, '2026-08')).rejects.toThrow('Issue the month of 2026-05-03T04:05:06.000Z first')
    await world.issue(tenant, '2026-05')
    await expect(world.issue(tenant, '2026-05')).rejects.toThrow('Invoice 2026-05 already exists')
    await expect(world.issue(tenant, '2026-04')).rejects.toThrow('already exists')
    await expect(world.issue(tenant, '2026-09')).rejects.toThrow('Issue the month 2026-06 first')
    const july = await Promise.allSettled(Array.from({ length: 4 }, () => world.issue(tenant, '2026-07')))
    expect(july.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected'])
    for (const outcome of july) if (outcome.status === 'rejected') expect(String(outcome.reason)).toContain('already exists')
  })
})
