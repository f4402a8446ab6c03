import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DURATION_BOUNDS_MS, durationCounts, durationQuantile } from './duration-histogram'

const durations = fc.array(fc.nat(40_000), { minLength: 1, maxLength: 60 })
const bucketOf = (ms: number) => {
  const at = DURATION_BOUNDS_MS.findIndex((bound) => ms <= bound)
  return at < 0 ? DURATION_BOUNDS_MS.length : at
}
const countsOf = (all: number[]) => Array.from({ length: 12 }, (_, i) => all.filter((ms) => bucketOf(ms) === i).length)

describe('quantiles of durations', () => {
  it('lie in the bucket of the true quantile', () => {
    fc.assert(
      fc.property(durations, fc.constantFrom(0.5, 0.95, 0.99, 1), (all, quantile) => {
        const truth = all.toSorted((a, b) => a - b)[Math.ceil(quantile * all.length) - 1]!
        const at = bucketOf(truth)
        const found = durationQuantile(countsOf(all), quantile)!
        expect(found).toBeGreaterThanOrEqual(at === 0 ? 0 : DURATION_BOUNDS_MS[at - 1]!)
        expect(found).toBeLessThanOrEqual(DURATION_BOUNDS_MS[at] ?? DURATION_BOUNDS_MS.at(-1)!)
      }),
    )
  })

  it('never fall as the quantile rises', () => {
    fc.assert(fc.property(durations, (all) => expect(durationQuantile(countsOf(all), 0.5)!).toBeLessThanOrEqual(durationQuantile(countsOf(all), 0.95)!)))
  })

  it('of nothing are null', () => expect(durationQuantile(Array(12).fill(0) as number[], 0.5)).toBeNull())
  it('beyond the last bound answer it', () => expect(durationQuantile([...(Array(11).fill(0) as number[]), 3], 0.5)).toBe(30_000))
  it('are interpolated', () => expect(durationQuantile([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], 0.5)).toBe(175))

  it('use the bounds the rollups are written with', () => {
    const sql = readFileSync(join(__dirname, '../../../migrations/0012_rollups.sql'), 'utf8')
    const inSql = [...sql.matchAll(/WHEN ms <= (\d+) THEN (1e?\d*)/g)].map(([, bound, field]) => [Number(bound), field])
    expect(inSql).toEqual(DURATION_BOUNDS_MS.map((bound, i) => [bound, i === 0 ? '1' : `1e${12 * i}`]))
  })
})

describe('stored histograms', () => {
  const packed = (counts: readonly bigint[]) => counts.reduce((sum, count, i) => sum + count * 10n ** (12n * BigInt(i)), 0n)
  const twelve = fc.array(fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }), { minLength: 12, maxLength: 12 })

  it('are read back count by count, whatever is empty', () => {
    fc.assert(fc.property(twelve, (counts) => expect(durationCounts(packed(counts).toString())).toEqual(counts.map(Number))))
    expect(durationCounts('0')).toEqual(Array(12).fill(0))
    expect(durationCounts('3')).toEqual([3, ...Array(11).fill(0)])
  })

  it('are added up by adding the numbers', () => {
    const small = fc.array(fc.bigInt({ min: 0n, max: 10n ** 11n }), { minLength: 12, maxLength: 12 })
    fc.assert(fc.property(small, small, (a, b) => expect(durationCounts((packed(a) + packed(b)).toString())).toEqual(a.map((count, i) => Number(count + b[i]!)))))
  })
})
