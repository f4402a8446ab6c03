import fc from 'fast-check'
import { picoFromDecimal } from '../../kernel'
import { buildReport, reportCsv, type ReportSums } from './cost-report'

const QUERY = { fromMs: Date.UTC(2026, 10, 1), toMs: Date.UTC(2026, 11, 1), groupBy: [] }
const sums = (over: Partial<ReportSums> = {}): ReportSums => ({ group: { model: 'phi3' }, requests: 2, failures: 1, promptTokens: 10, completionTokens: 20, cachedTokens: 3, reasoningTokens: 4, costPico: 1_500_000_000_000n, durationMs: 3_001, durations: [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], ...over })
const groups: fc.Arbitrary<ReportSums[]> = fc.uniqueArray(
  fc.record({ name: fc.stringMatching(/^[a-z]{1,4}$/), costPico: fc.bigInt({ min: 0n, max: 10n ** 17n }), requests: fc.nat(1_000), promptTokens: fc.nat(10 ** 9), completionTokens: fc.nat(10 ** 9) }).map(({ name, ...rest }) => sums({ ...rest, group: { model: name } })),
  { selector: (one) => one.group.model, maxLength: 8 },
)

describe('the cost report', () => {
  it('totals are the exact sums of its lines', () => {
    fc.assert(
      fc.property(groups, (all) => {
        const report = buildReport(all, null, QUERY, 'USD')
        const lines = Object.values(report.model_usage)
        expect(picoFromDecimal(report.total.cost)).toBe(lines.reduce((sum, line) => sum + picoFromDecimal(line.cost)!, 0n))
        expect(report.total.total_requests).toBe(lines.reduce((sum, line) => sum + line.total_requests, 0))
        expect(report.total.total_tokens).toBe(lines.reduce((sum, line) => sum + line.total_tokens, 0))
      }),
    )
  })

  it('says every figure of a line', () => {
    expect(buildReport([sums()], null, QUERY, 'EUR')).toMatchObject({
      model_usage: { phi3: { total_requests: 2, avg_duration: 1.501, p50_duration: 0.175, p95_duration: 0.243, error_rate: 0.5, prompt_tokens: 10, completion_tokens: 20, cached_tokens: 3, reasoning_tokens: 4, total_tokens: 30, cost: '1.5' } },
      currency: 'EUR',
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
    })
  })

  it('of nothing is zeros, not NaN', () => {
    const { total } = buildReport([], null, QUERY, 'USD')
    expect(total).toMatchObject({ total_requests: 0, avg_duration: 0, error_rate: 0, p50_duration: null, cost: '0' })
  })

  it('shows what the tokens would have cost elsewhere, and a loss as a loss', () => {
    const { savings } = buildReport([sums({ promptTokens: 1_000_000, completionTokens: 1_000_000, costPico: 13_000_000_000_000n })], null, QUERY, 'USD')
    expect(savings['gpt-4-class']).toMatchObject({ cost: '12.5', saved: '-0.5' })
    expect(savings['claude-sonnet-class']).toMatchObject({ cost: '18', saved: '5' })
  })
})

describe('CSV', () => {
  const csvOf = (group: Record<string, string>) => reportCsv(buildReport([sums()], [sums({ group })], { ...QUERY, groupBy: ['model'] }, 'USD'), ['model'])
  const cellOf = (text: string) => csvOf({ model: text }).split('\r\n')[1]!

  it.each(['=1+1', '+cmd|x', '-2+3', '@SUM(A1)', '\t=1+1', '\r=1+1', '\n=1+1'])('a cell that begins with %j is no formula', (text) => expect(cellOf(text)).toMatch(/^"?'/))
  it.each([['a,b', '"a,b"'], ['a"b', '"a""b"'], ["it's", "it's"], ['a\nb', '"a\nb"']])('%j is written %j', (text, cell) => expect(csvOf({ model: text })).toContain(`\r\n${cell},`))

  it('has a header, one line a group and CRLF at every end', () => {
    const lines = csvOf({ model: 'phi3' }).split('\r\n')
    expect(lines[0]).toBe('model,total_requests,avg_duration,p50_duration,p95_duration,error_rate,prompt_tokens,completion_tokens,cached_tokens,reasoning_tokens,total_tokens,cost')
    expect(lines[1]).toBe('phi3,2,1.501,0.175,0.243,0.5,10,20,3,4,30,1.5')
    expect(lines).toHaveLength(3)
  })

  it('without groups lists models', () => expect(reportCsv(buildReport([sums()], null, QUERY, 'USD'), [])).toContain('\r\nphi3,2,'))
})
