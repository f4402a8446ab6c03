/** Upper bounds in ms of the duration counts in the rollups; the last count has no bound. The same in 0005_settlement.sql. */
export const DURATION_BOUNDS_MS = [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000] as const

/** A quantile in ms from summed counts, interpolated inside its bound; null without calls. The open bound answers its lower end. */
export function durationQuantile(counts: readonly number[], quantile: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const wanted = quantile * total
  let seen = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (seen + count < wanted || count === 0) {
      seen += count
      continue
    }
    const low = i === 0 ? 0 : DURATION_BOUNDS_MS[i - 1]!
    const high = DURATION_BOUNDS_MS[i] ?? low
    return low + ((wanted - seen) / count) * (high - low)
  }
  return DURATION_BOUNDS_MS.at(-1)!
}
