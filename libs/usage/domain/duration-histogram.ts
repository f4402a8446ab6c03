/** Upper bounds in ms of the duration counts in the rollups; the last count has no bound. The same in 0012_rollups.sql. */
export const DURATION_BOUNDS_MS = [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000] as const

const DIGITS_PER_COUNT = 12

/** The twelve counts of a stored histogram: one decimal number with twelve digits a count, the shortest durations last. */
export function durationCounts(stored: string): number[] {
  const digits = stored.padStart((DURATION_BOUNDS_MS.length + 1) * DIGITS_PER_COUNT, '0')
  return Array.from({ length: DURATION_BOUNDS_MS.length + 1 }, (_, i) => {
    const end = digits.length - i * DIGITS_PER_COUNT
    return Number(digits.slice(end - DIGITS_PER_COUNT, end))
  })
}

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
