import fc from 'fast-check'
import { picoFromDecimal } from '../../kernel'
import { marginRows, type MarginSums } from './margin'

const pico = fc.bigInt({ min: 0n, max: 10n ** 17n })
const sums: fc.Arbitrary<MarginSums[]> = fc.uniqueArray(
  fc.record({
    group: fc.record({ model: fc.constantFrom('phi3', 'gpt-4o', 'mistral:7b'), host: fc.constantFrom('a', 'b') }),
    currency: fc.constantFrom('USD', 'EUR'), requests: fc.nat(1_000), revenuePico: pico, attempts: fc.nat(1_000), uncosted: fc.nat(5), costPico: pico,
  }),
  { maxLength: 12, selector: ({ group, currency }) => `${group.model} ${group.host} ${currency}` },
)
const inPico = (text: string) => (text.startsWith('-') ? -picoFromDecimal(text.slice(1))! : picoFromDecimal(text)!)

describe('margin', () => {
  it('keeps every line and its figures, in the order of the groups, however they come', () => {
    fc.assert(
      fc.property(sums, (lines) => {
        const rows = marginRows(lines, ['model', 'host'])
        const figures = (line: { requests: number; attempts: number }, revenue: bigint, cost: bigint, uncosted: number) => [line.requests, line.attempts, uncosted, revenue, cost]
        for (const line of lines) {
          const row = rows.find(({ model, host, currency }) => model === line.group.model && host === line.group.host && currency === line.currency)!
          expect(figures(row, inPico(row.revenue), inPico(row.provider_cost), row.attempts_without_cost)).toEqual(figures(line, line.revenuePico, line.costPico, line.uncosted))
        }
        expect(rows).toHaveLength(lines.length)
        expect(marginRows([...lines].reverse(), ['model', 'host'])).toEqual(rows)
      }),
    )
  })

  it('is revenue less cost where both are in one currency, and not said where they are not', () => {
    fc.assert(
      fc.property(sums, (lines) => {
        for (const row of marginRows(lines, ['model', 'host'])) {
          if (row.currency === 'USD') expect(inPico(row.margin!)).toBe(inPico(row.revenue) - inPico(row.provider_cost))
          else expect(row.margin).toBeNull()
        }
      }),
    )
  })
})
