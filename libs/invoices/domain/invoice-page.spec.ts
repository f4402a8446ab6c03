import { entry, PRICES, sampleInvoice, TERMS } from '../invoice-fixture'
import { buildInvoice } from './invoice'
import { invoiceCsv } from './invoice-csv'
import { invoicePage } from './invoice-page'

const HOSTILE = `<img src=x onerror=alert(1)>"'&</style><script>`

describe('the printed page', () => {
  const page = invoicePage(sampleInvoice(), 'ef'.repeat(32))

  it('shows every line, the total, the residue and the hash', () => {
    for (const text of ['Invoice 3', 'Acme Ltd (acme)', 'October 2026, Europe/Berlin', 'llama3.1:70b', 'adjustment', '1\u202f234.56', '-0.02', '1\u202f241.54', '1241.555', 'ef'.repeat(32), 'ab'.repeat(32)]) expect(page).toContain(text)
  })

  it('runs nothing, loads nothing, and takes no mark-up from names', () => {
    const hostile = invoicePage(sampleInvoice({ tenant: { ...TERMS.tenant, name: HOSTILE }, timeZone: HOSTILE, currency: HOSTILE }), HOSTILE)
    for (const bad of [page, hostile]) expect(bad).not.toMatch(/<(script|img|link|iframe)|<[^>]*\s(on\w+|src|href|style)=|@import|url\(/i)
    expect(hostile.match(/<\w+/g)!.length).toBe(page.match(/<\w+/g)!.length)
  })

  it('puts lines under their project, with what it comes to', () => {
    const rows = [entry({ amountPico: 10n ** 12n }), entry({ projectId: 'p', amountPico: 2n * 10n ** 12n }), entry({ projectId: 'p', model: 'phi3', amountPico: 3n * 10n ** 12n })]
    const cells = (projects: { id: string; slug: string; name: string }[]) => [...invoicePage(buildInvoice({ ...TERMS, projects }, rows, PRICES), '').matchAll(/<tr class="project"><td colspan="2">(.*?)<\/td>.*?<td>([^<]*)<\/td><\/tr>/g)].map(([, title, amount]) => [title, amount])
    expect(cells([{ id: 'p', slug: 'lab', name: '<Lab>' }])).toEqual([['Without a project', '1.00 EUR'], ['Project &#60;Lab&#62; (lab)', '5.00 EUR']])
    expect(cells([])).toEqual([['Without a project', '1.00 EUR'], ['Project p', '5.00 EUR']])
    expect(page).not.toContain('Without a project')
  })

  it('says so when nothing was charged', () => {
    expect(invoicePage({ ...sampleInvoice(), lines: [] }, '')).toContain('Nothing was charged')
  })
})

describe('CSV', () => {
  it('has one row a line and the total, and runs no formula in a spreadsheet', () => {
    const invoice = sampleInvoice()
    const rows = invoiceCsv({ ...invoice, lines: invoice.lines.map((line) => ({ ...line, model: `=${line.model},"` })) }).split('\r\n')
    expect(rows).toHaveLength(6)
    expect(rows[1]).toContain(`,1,usage,,"'=llama3.2,""",`)
    expect(rows[3]).toContain(',-0.015,-0.02,0.005,EUR')
    expect(rows[4]).toBe(`${invoice.id},total,,,,,12389,,,,,,1241.555,1241.54,0.015,EUR`)
  })
})
