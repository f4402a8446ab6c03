import fc from 'fast-check'
import { anyCharacter } from '../../../test/support/any-text'
import { picoFromDecimal } from '@tollgate/kernel'
import { entry, PRICE_IDS, PRICES, sampleInvoice, TERMS } from '../invoice-fixture'
import { canonicalJson, differencesOf, sha256, type Canonical } from './canonical-json'
import { buildInvoice, type BilledEntry } from './invoice'
import { minorDigits, minorFromText, minorText, picoOfMinor, roundHalfEven } from './rounding'

const digits = fc.constantFrom(0, 2, 3)
const pico = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
const tokens = fc.bigInt({ min: -1_000_000n, max: 10n ** 12n })
const entries = fc.array(
  fc.record<BilledEntry>({
    kind: fc.constantFrom('usage', 'adjustment'), projectId: fc.constantFrom('p-lab', 'p-gone', null), model: fc.constantFrom('a', 'b', 'a-b', '"'), priceId: fc.constantFrom(...PRICE_IDS, null), isBilled: fc.boolean(), requests: fc.nat(1_000), amountPico: pico,
    promptTokens: tokens, cachedTokens: tokens, cacheWriteTokens: tokens, completionTokens: tokens, reasoningTokens: tokens,
  }),
  { maxLength: 40 },
)
const LAB = { id: 'p-lab', slug: 'lab', name: 'Lab' }
const signedPico = (text: string) => (text.startsWith('-') ? -picoFromDecimal(text.slice(1))! : picoFromDecimal(text)!)
const hashOf = (terms: typeof TERMS, rows: readonly BilledEntry[]) => sha256(canonicalJson(buildInvoice(terms, rows, PRICES)))

describe('rounding', () => {
  it.each([
    ['0.005', '0.00'], ['0.015', '0.02'], ['0.025', '0.02'], ['0.035', '0.04'], ['-0.005', '0.00'], ['-0.015', '-0.02'], ['-0.025', '-0.02'], ['0.025000000001', '0.03'], ['0.024999999999', '0.02'], ['1.999', '2.00'], ['0', '0.00'],
  ])('%s is %s: a half goes to the even one, below zero as above', (exact, rounded) => {
    expect(minorText(roundHalfEven(signedPico(exact), 2), 2)).toBe(rounded)
  })

  it('is never off by more than a half, exact where nothing is to round, and the same on both sides of zero', () => {
    fc.assert(
      fc.property(pico, digits, (amount, places) => {
        const unit = picoOfMinor(1n, places)
        const rounded = roundHalfEven(amount, places)
        const off = amount - rounded * unit
        expect(off * 2n <= unit && off * 2n >= -unit).toBe(true)
        if (off * 2n === unit || off * 2n === -unit) expect(rounded % 2n).toBe(0n)
        expect(roundHalfEven(-amount, places)).toBe(-rounded)
        expect(roundHalfEven(rounded * unit, places)).toBe(rounded)
      }),
    )
  })

  it.each([['JPY', 0, '1205'], ['KWD', 3, '1.205'], ['USD', 2, '12.05'], ['XYZ', 2, '12.05']])('%s has %i digits', (currency, places, text) => {
    expect([minorDigits(currency), minorText(1205n, minorDigits(currency))]).toEqual([places, text])
    expect(minorFromText(text, places)).toBe(1205n)
  })

  it.each([['12.345', 2], ['1.5', 0], ['-1', 2], ['1e3', 2], ['', 2], ['1,5', 2], ['NaN', 2], ['1.', 2]])('%j is no amount of %i digits', (text, places) => {
    expect(minorFromText(text, places)).toBeNull()
  })
})

describe('an invoice', () => {
  it('adds up: Σ lines = total, exact = amount + residue on every line and in all, for any ledger and currency', () => {
    fc.assert(
      fc.property(entries, digits, (rows, places) => {
        const invoice = buildInvoice({ ...TERMS, minorDigits: places, projects: [LAB] }, rows, PRICES)
        const sum = (pick: (line: (typeof invoice.lines)[number]) => string) => invoice.lines.reduce((total, line) => total + signedPico(pick(line)), 0n)
        expect(sum((line) => line.amount)).toBe(signedPico(invoice.total.amount))
        expect(sum((line) => line.exact)).toBe(signedPico(invoice.total.exact))
        expect(sum((line) => line.residue)).toBe(signedPico(invoice.total.residue))
        for (const name of ['exact', 'amount', 'residue'] as const) expect(invoice.by_project!.reduce((all, group) => all + signedPico(group.total[name]), 0n)).toBe(signedPico(invoice.total[name]))
        for (const part of [invoice.total, ...invoice.lines, ...invoice.by_project!.map(({ total }) => total)]) expect(signedPico(part.exact)).toBe(signedPico(part.amount) + signedPico(part.residue))
        expect(signedPico(invoice.total.exact)).toBe(rows.reduce((total, row) => (row.isBilled ? total + row.amountPico : total), 0n))
        expect(invoice.requests + invoice.requests_without_charge).toBe(rows.reduce((total, row) => total + row.requests, 0))
      }),
    )
  })

  it('has one hash, in whatever order its rows come and however they were folded before', () => {
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), fc.nat(40), (rows, ranks, cut) => {
        const order = [...ranks.take(rows.length)]
        const shuffled = rows.map((row, i) => [order[i]!, row] as const).sort(([a], [b]) => a - b).map(([, row]) => row)
        expect(hashOf(TERMS, shuffled)).toBe(hashOf(TERMS, rows))
        const halves = rows.flatMap((row) => [{ ...row, amountPico: row.amountPico - BigInt(cut) }, { ...row, requests: 0, amountPico: BigInt(cut), promptTokens: 0n, cachedTokens: 0n, cacheWriteTokens: 0n, completionTokens: 0n, reasoningTokens: 0n }])
        expect(hashOf(TERMS, halves)).toBe(hashOf(TERMS, rows))
      }),
    )
  })

  it('has another hash when any of its terms, rows or prices is another', () => {
    const rows = [entry(), entry({ model: 'phi3' })]
    const hash = hashOf(TERMS, rows)
    const others = [
      hashOf({ ...TERMS, currency: 'USD' }, rows), hashOf({ ...TERMS, minorDigits: 3 }, rows), hashOf({ ...TERMS, tenant: { ...TERMS.tenant, name: 'Acme' } }, rows), hashOf({ ...TERMS, timeZone: 'UTC' }, rows),
      hashOf({ ...TERMS, coverage: { ...TERMS.coverage, head: 'ac'.repeat(32) } }, rows), hashOf({ ...TERMS, previous: null }, rows), hashOf({ ...TERMS, projects: null }, rows), hashOf(TERMS, [entry(), entry({ model: 'phi3', projectId: 'p-lab' })]), hashOf({ ...TERMS, projects: [LAB] }, [entry(), entry({ model: 'phi3', projectId: 'p-lab' })]), hashOf(TERMS, [entry()]), hashOf(TERMS, [entry(), entry({ model: 'phi3', amountPico: 1_234_568n })]),
      hashOf(TERMS, [entry(), entry({ model: 'phi3', completionTokens: 21n })]), sha256(canonicalJson(buildInvoice(TERMS, rows, new Map([[PRICE_IDS[0], { ...PRICES.get(PRICE_IDS[0])!, outputPico: 600_001n }]])))),
    ]
    expect(new Set([hash, ...others]).size).toBe(14)
  })

  it('rounds once a line and not once a call: a thousand calls of 0.0005 are 0.50', () => {
    const { total, lines } = buildInvoice(TERMS, Array.from({ length: 1_000 }, () => entry({ amountPico: 500_000_000n })), PRICES)
    expect([lines.length, total.amount, total.residue]).toEqual([1, '0.50', '0'])
  })

  it('prints what rounding left over: two lines of 0.005 ask for nothing', () => {
    const { total } = buildInvoice(TERMS, [entry({ amountPico: 5_000_000_000n }), entry({ model: 'phi3', amountPico: 5_000_000_000n })], PRICES)
    expect(total).toEqual({ exact: '0.01', amount: '0.00', residue: '0.01' })
  })

  it('keeps late entries and prices apart, usage first, and free calls on no line', () => {
    const rows = [entry({ kind: 'adjustment', amountPico: -5n }), entry({ priceId: PRICE_IDS[1] }), entry(), entry({ isBilled: false, amountPico: 0n, requests: 4 })]
    const { lines, requests_without_charge: free } = buildInvoice(TERMS, rows, PRICES)
    expect(lines.map(({ line, kind, price }) => [line, kind, price!.id])).toEqual([[1, 'usage', PRICE_IDS[0]], [2, 'usage', PRICE_IDS[1]], [3, 'adjustment', PRICE_IDS[0]]])
    expect(free).toBe(4)
  })

  it('has lines of their own for each project, those of none first, and what each project comes to', () => {
    const rows = [entry({ projectId: 'p-lab', kind: 'adjustment', amountPico: -5_000_000_000n }), entry({ projectId: 'p-lab', amountPico: 12_000_000_000n }), entry({ amountPico: 5_000_000_000n }), entry({ projectId: 'p-gone', amountPico: 7_000_000_000n }), entry({ projectId: 'p-lab', amountPico: 0n, isBilled: false })]
    const { lines, by_project: groups, format } = buildInvoice({ ...TERMS, projects: [LAB] }, rows, PRICES)
    const gone = { id: 'p-gone', slug: null, name: null }
    expect(lines.map(({ project, kind, amount }) => [project, kind, amount])).toEqual([[null, 'usage', '0.00'], [gone, 'usage', '0.01'], [LAB, 'usage', '0.01'], [LAB, 'adjustment', '0.00']])
    expect(groups).toEqual([
      { project: null, requests: 1, total: { exact: '0.005', amount: '0.00', residue: '0.005' } },
      { project: gone, requests: 1, total: { exact: '0.007', amount: '0.01', residue: '-0.003' } },
      { project: LAB, requests: 2, total: { exact: '0.007', amount: '0.01', residue: '-0.003' } },
    ])
    expect(format).toBe('tollgate invoice 2')
  })

  it('of the first form tells no projects apart, and is to the byte what it was', () => {
    const split = [entry({ projectId: 'p-lab' }), entry({ amountPico: 1n, projectId: 'p-gone' })]
    expect(hashOf({ ...TERMS, projects: null }, split)).toBe(hashOf({ ...TERMS, projects: null }, [entry(), entry({ amountPico: 1n })]))
    expect(sha256(canonicalJson(sampleInvoice({ projects: null })))).toBe('0fee48070407fa3d4fd4fcf4ed9b3498f045ff85b504e5097a71045883e62618')
  })

  it('is refused when a price row it names is not there', () => {
    expect(() => buildInvoice(TERMS, [entry({ priceId: 'gone' })], PRICES)).toThrow('price row gone')
  })
})

describe('canonical JSON', () => {
  it('is the text of RFC 8785, names by UTF-16 code units', () => {
    expect(canonicalJson({ '\u20ac': 'Euro Sign', '\r': 'Carriage Return', '\ufb33': 'Hebrew', '1': 'One', '\ud83d\ude00': 'Emoji', '\u0080': 'Control', '\u00f6': 'o' })).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"o","\u20ac":"Euro Sign","\ud83d\ude00":"Emoji","\ufb33":"Hebrew"}',
    )
    expect(canonicalJson({ b: [1, true, null], a: '\u000f"\\\n' })).toBe('{"a":"\\u000f\\"\\\\\\n","b":[1,true,null]}')
    expect(canonicalJson([-0])).toBe('[0]')
  })

  it('reads back as what it was, and again writes the same', () => {
    const text = fc.string({ unit: anyCharacter })
    const tree = fc.object({ key: text, values: [text, fc.maxSafeInteger(), fc.boolean(), fc.constant(null)] })
    fc.assert(fc.property(tree, (value) => {
      const written = canonicalJson(value as Canonical)
      expect(canonicalJson(JSON.parse(written) as Canonical)).toBe(written)
    }))
  })

  it.each([[1.5], [Number.NaN], [2 ** 53], ['\ud800']])('refuses %p', (value) => {
    expect(() => canonicalJson([value])).toThrow(RangeError)
  })

  it('names each place where two documents differ', () => {
    const issued = sampleInvoice()
    const other = { ...issued, currency: 'USD', lines: issued.lines.map((line) => (line.line === 2 ? { ...line, amount: '7.01' } : line)) }
    expect(differencesOf(issued, other)).toEqual([{ path: 'currency', issued: 'EUR', recomputed: 'USD' }, { path: 'lines.1.amount', issued: issued.lines[1]!.amount, recomputed: '7.01' }])
    expect(differencesOf(issued, { ...issued, lines: issued.lines.slice(0, 2) }).map(({ path }) => path)).toEqual(['lines.2'])
    expect(differencesOf(issued, JSON.parse(canonicalJson(issued)) as Canonical)).toEqual([])
  })
})
