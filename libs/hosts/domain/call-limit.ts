/** Calls at once that a cloud provider is given at first, and at most, where its operator names no higher number (routing.md). */
const FIRST_CLOUD = 20
const MOST_CLOUD = 200
/** First tokens that are late: the mean of the last dozens is more than twice that of the last hundreds, and by more than jitter. */
const LATE = 2
const JITTER_MS = 50
const NEWEST_OF_RECENT = 1 / 16
const NEWEST_OF_USUAL = 1 / 300
/** What is late becomes usual in the end, but long after it was acted upon. */
const NEWEST_OF_LATE = 1 / 1_000
/** What was usual in worse times is forgotten sooner. */
const NEWEST_OF_BETTER = 1 / 30
/** Nothing is judged by fewer. */
const LEAST_SEEN = 20
const CUT = 0.75

/**
 * How many calls at once this gateway gives a target, by how soon first tokens come. Late ones take away a quarter of those in use, once
 * for as many calls; otherwise each call that found the limit in use adds one until the first cut, and fewer
 * after it. Means are compared with means, so that a mix of long and short prompts is not taken for a change. Whole answers tell no first
 * token, and nothing stands in for it: their time is of their length, and per token it is of the length as well (README.md). An Ollama
 * host begins at the calls it works on at once and is never given more; a cloud provider begins at 20. Pure but for what it remembers.
 */
export class CallLimit {
  private readonly ceiling: number
  private limit: number
  private usualMs = 0
  private recentMs = 0
  private seen = 0
  private sinceCut = 0
  private mostUsed = 0
  private wasCut = false

  constructor({ provider, maxParallel }: { provider: string; maxParallel: number }) {
    this.limit = provider === 'ollama' ? maxParallel : Math.max(FIRST_CLOUD, maxParallel)
    this.ceiling = provider === 'ollama' ? maxParallel : Math.max(MOST_CLOUD, maxParallel)
  }

  /** At least one. */
  get most(): number {
    return Math.floor(this.limit)
  }

  /**
   * A call ended well.
   * @param firstMs time to its first token, less the load of its model; null where it was answered as a whole
   * @param inFlight calls there when it ended, itself included
   */
  note(firstMs: number | null, inFlight: number): void {
    if (firstMs !== null) this.learn(firstMs)
    this.sinceCut++
    this.mostUsed = Math.max(this.mostUsed, inFlight)
    if (this.isLate()) {
      // What was let in and not used would go on being let in.
      const used = Math.min(this.limit, this.mostUsed)
      if (this.sinceCut < used) return
      this.limit = Math.max(1, used * CUT)
      this.sinceCut = 0
      this.mostUsed = 0
      this.wasCut = true
    } else if (inFlight * 2 >= this.limit) this.limit = Math.min(this.ceiling, this.limit + (this.wasCut ? 1 / Math.sqrt(this.limit) : 1))
  }

  private isLate(): boolean {
    return this.seen >= LEAST_SEEN && this.recentMs > this.usualMs * LATE + JITTER_MS
  }

  private learn(firstMs: number): void {
    this.seen++
    this.recentMs += (firstMs - this.recentMs) * Math.max(1 / this.seen, NEWEST_OF_RECENT)
    const newest = this.usualMs > this.recentMs * LATE ? NEWEST_OF_BETTER : NEWEST_OF_USUAL
    // A mean of few is learned as one, but not from late ones: what is late would soon be usual.
    this.usualMs += (firstMs - this.usualMs) * (this.isLate() ? NEWEST_OF_LATE : Math.max(1 / this.seen, newest))
  }
}
