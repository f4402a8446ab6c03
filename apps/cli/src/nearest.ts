/** The candidate that a mistyped word most likely means; null when none is near. Two neighbours swapped count as one slip. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const most = Math.max(1, Math.min(3, Math.floor(word.length / 3)))
  let best: { candidate: string; slips: number } | null = null
  for (const candidate of candidates) {
    const slips = slipsBetween(word, candidate)
    if (slips <= most && (!best || slips < best.slips)) best = { candidate, slips }
  }
  return best?.candidate ?? null
}

/** `Did you mean "x"? ` or nothing, to stand inside a sentence. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates)
  return found === null ? '' : ` Did you mean "${found}"?`
}

/** Damerau-Levenshtein distance (optimal string alignment) over rows, for words as short as commands are. */
function slipsBetween(from: string, to: string): number {
  let [before, row] = [[] as number[], Array.from({ length: to.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) next[j] = Math.min(next[j]!, before[j - 2]! + 1)
    }
    ;[before, row] = [row, next]
  }
  return row[to.length]!
}
