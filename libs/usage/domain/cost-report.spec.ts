import fc from 'fast-check'
import { picoFromDecimal } from '../../kernel'
import { buildPlatformReport, buildReport, tableLines } from './cost-report'
import { linesCsv } from './report-csv'
import type { ReportSums } from './report-line'

const PERIOD = { fromMs: Date.UTC(2026, 10, 1), toMs: Date.UTC(2026, 11, 1) }
const sums = (over: Partial<ReportSums> = {}): ReportSums => ({ group: { model: 'phi3' }, requests: 2, failures: 1, promptTokens: 10, completionTokens: 20, cachedTokens: 3, reasoningTokens: 4, costPico: 1_500_000_000_000n, durationMs: 3_001, durations: [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], ...over })
const groups: fc.Arbitrary<ReportSums[]> = fc.uniqueArray(
  fc.record({ name: fc.stringMatching(/^[a-z]{1,4}$/), costPico: fc.bigInt({ min: 0n, max: 10n ** 17n }), requests: fc.nat(1_000), promptTokens: fc.nat(10 ** 9), completionTokens: fc.nat(10 ** 9) }).map(({ name, ...rest }) => sums({ ...rest, group: { model: name } })),
  { selector: (one) => one.group.model, maxLength: 8 },
)
const inPico = (text: string) => (text.startsWith('-') ? -picoFromDecimal(text.slice(1))! : picoFromDecimal(text)!)

describe('the cost report', () => {
  it('totals are the exact sums of its lines', () => {
    fc.assert(
      fc.property(groups, (all) => {
        const report = buildReport(all, null, PERIOD, 'USD')
        const lines = Object.values(report.model_usage)
        expect(picoFromDecimal(report.total.cost)).toBe(lines.reduce((sum, line) => sum + picoFromDecimal(line.cost)!, 0n))
        expect(report.total.total_requests).toBe(lines.reduce((sum, line) => sum + line.total_requests, 0))
        expect(report.total.total_tokens).toBe(lines.reduce((sum, line) => sum + line.total_tokens, 0))
      }),
    )
  })

  it('says every figure of a line', () => {
    expect(buildReport([sums()], null, PERIOD, 'EUR')).toMatchObject({
      model_usage: { phi3: { total_requests: 2, avg_duration: 1.501, p50_duration: 0.175, p95_duration: 0.243, error_rate: 0.5, prompt_tokens: 10, completion_tokens: 20, cached_tokens: 3, reasoning_tokens: 4, total_tokens: 30, cost: '1.5' } },
      currency: 'EUR',
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
    })
  })

  it('of nothing is zeros, not NaN', () => {
    const { total } = buildReport([], null, PERIOD, 'USD')
    expect(total).toMatchObject({ total_requests: 0, avg_duration: 0, error_rate: 0, p50_duration: null, cost: '0' })
  })

  it('has its whole body and nothing else', () => {
    expect(Object.keys(buildReport([sums()], null, PERIOD, 'USD'))).toEqual(['model_usage', 'total', 'savings', 'currency', 'from', 'to'])
    expect(Object.keys(buildReport([sums()], [], PERIOD, 'USD'))).toEqual(['model_usage', 'total', 'groups', 'savings', 'currency', 'from', 'to'])
  })
})

describe('savings', () => {
  it('show what the tokens would have cost elsewhere, and a loss as a loss', () => {
    const { savings } = buildReport([sums({ promptTokens: 1_000_000, completionTokens: 1_000_000, costPico: 13_000_000_000_000n })], null, PERIOD, 'USD')
    expect(savings['gpt-4-class']).toEqual({ cost: '12.5', saved: '-0.5', currency: 'USD', input_per_million: '2.50', output_per_million: '10.00', as_of: '2026-08-21' })
    expect(savings['claude-sonnet-class']).toMatchObject({ cost: '18', saved: '5' })
  })

  it('are exact to the pico: what was saved and what was paid is what it would have cost', () => {
    fc.assert(
      fc.property(groups, (all) => {
        const { savings, total } = buildReport(all, null, PERIOD, 'USD')
        const [input, output] = [BigInt(total.prompt_tokens), BigInt(total.completion_tokens)]
        expect(inPico(savings['gpt-4-class']!.cost)).toBe(input * 2_500_000n + output * 10_000_000n)
        expect(inPico(savings['claude-sonnet-class']!.cost)).toBe(input * 3_000_000n + output * 15_000_000n)
        for (const { cost, saved } of Object.values(savings)) expect(inPico(saved!) + inPico(total.cost)).toBe(inPico(cost))
      }),
    )
  })

  it('are not counted across currencies', () => {
    const { savings } = buildReport([sums()], null, PERIOD, 'EUR')
    expect(Object.values(savings).map(({ saved, currency }) => [saved, currency])).toEqual([[null, 'USD'], [null, 'USD']])
  })
})

describe('the report over all tenants', () => {
  it('never adds one currency to another', () => {
    const line = (tenant: string, currency: string, costPico: bigint) => sums({ group: { tenant, currency }, costPico })
    const report = buildPlatformReport([line('a', 'USD', 1n), line('b', 'EUR', 2n), line('c', 'USD', 4n)], ['tenant'], PERIOD)
    expect(report.totals).toEqual([expect.objectContaining({ currency: 'EUR', cost: '0.000000000002', total_requests: 2 }), expect.objectContaining({ currency: 'USD', cost: '0.000000000005', total_requests: 4 })])
    expect(report.groups).toEqual([expect.objectContaining({ tenant: 'a', currency: 'USD' }), expect.objectContaining({ tenant: 'b', currency: 'EUR' }), expect.objectContaining({ tenant: 'c' })])
    expect(Object.keys(buildPlatformReport([], [], PERIOD))).toEqual(['totals', 'from', 'to'])
  })
})

describe('CSV', () => {
  const csvOf = (group: Record<string, string>) => linesCsv(tableLines([sums({ group })], 'USD'), ['model'])
  const cellOf = (text: string) => csvOf({ model: text }).split('\r\n')[1]!

  it.each(['=1+1', '+cmd|x', '-2+3', '-1', '@SUM(A1)', '\t=1+1', '\r=1+1', '\n=1+1', '＝1+1', '＋1', '－1', '＠SUM(A1)'])('a name that begins with %j is no formula', (text) => expect(cellOf(text)).toMatch(/^"?'/))
  it.each([['a,b', '"a,b"'], ['a"b', '"a""b"'], ["it's", "it's"], ['a\nb', '"a\nb"'], ['a\rb', '"a\rb"'], ['=a"b', `"'=a""b"`]])('%j is written %j', (text, cell) => expect(csvOf({ model: text })).toContain(`\r\n${cell},`))

  it('reads back as it was, whatever the names are (RFC 4180)', () => {
    const names = fc.array(fc.string({ unit: fc.constantFrom('a', ',', '"', '\r', '\n', ' ', 'é', "'") }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(names, (all) => {
        const csv = linesCsv(tableLines(all.map((model) => sums({ group: { model } })), 'USD'), ['model'])
        const cells = [...csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!)
        expect(cells).toHaveLength(13 * (all.length + 1))
        expect(all.map((_, i) => cells[13 * (i + 1)])).toEqual(all.map((text) => (/^[\r\n]/.test(text) ? `'${text}` : text)))
      }),
    )
  })

  it('has a header, one line a group and CRLF at every end', () => {
    const lines = csvOf({ model: 'phi3' }).split('\r\n')
    expect(lines[0]).toBe('model,total_requests,avg_duration,p50_duration,p95_duration,error_rate,prompt_tokens,completion_tokens,cached_tokens,reasoning_tokens,total_tokens,cost,currency')
    expect(lines[1]).toBe('phi3,2,1.501,0.175,0.243,0.5,10,20,3,4,30,1.5,USD')
    expect(lines).toHaveLength(3)
  })

  it('holds costs digit by digit', () => {
    expect(linesCsv(tableLines([sums({ costPico: 123_456_789_012_345_678_901_234_567n })], 'USD'), ['model'])).toContain(',123456789012345.678901234567,USD\r\n')
  })
})
