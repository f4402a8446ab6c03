const WINDOW_SECONDS = 60
/** Retries that a pool may have in any window, however few its requests are. */
const LEAST_RETRIES = 3
/** One retry for so many requests. */
const REQUESTS_PER_RETRY = 10
/** Pools that are remembered: the least lately used is forgotten first. */
const MOST_POOLS = 2_000

/**
 * How many more times hosts may be asked because others failed: retries of the last 60 seconds are at most a tenth of the
 * requests of the same time, or three. When all of a pool fails, its load grows by a tenth and not threefold (routing.md).
 * A pool is the hosts of one model, as this process sees them. Seconds are counted apart, so memory is bounded: half a
 * kilobyte a pool. Pure but for what it remembers; time is told (monotonic ms).
 */
export class RetryBudgets {
  private readonly pools = new Map<string, PoolWindow>()

  constructor(private readonly mostPools = MOST_POOLS) {}

  /** A request began at this pool. */
  noteRequest(pool: string, nowMs: number): void {
    const window = this.pools.get(pool) ?? new PoolWindow()
    // Put last: the first of a map is then the one that was not asked for longest.
    this.pools.delete(pool)
    this.pools.set(pool, window)
    if (this.pools.size > this.mostPools) this.pools.delete(this.pools.keys().next().value!)
    window.move(nowMs)
    window.addRequest()
  }

  /** Takes one retry out of the pool's budget. @returns false when there is none left */
  takeRetry(pool: string, nowMs: number): boolean {
    const window = this.pools.get(pool)
    if (!window) return false
    window.move(nowMs)
    return window.takeRetry()
  }
}

/** Requests and retries of one pool, by second. */
class PoolWindow {
  private readonly requests = new Uint32Array(WINDOW_SECONDS)
  private readonly retries = new Uint32Array(WINDOW_SECONDS)
  private requestSum = 0
  private retrySum = 0
  private second = -Infinity

  /** Forgets what is older than the window. A clock that stands still or runs back moves nothing. */
  move(nowMs: number): void {
    const now = Math.floor(nowMs / 1000)
    for (let gone = Math.max(0, this.second + 1, now - WINDOW_SECONDS + 1); gone <= now; gone++) {
      const at = gone % WINDOW_SECONDS
      this.requestSum -= this.requests[at]!
      this.retrySum -= this.retries[at]!
      this.requests[at] = 0
      this.retries[at] = 0
    }
    this.second = Math.max(this.second, now)
  }

  addRequest(): void {
    this.requests[this.second % WINDOW_SECONDS]!++
    this.requestSum++
  }

  takeRetry(): boolean {
    if (this.retrySum >= Math.max(LEAST_RETRIES, Math.floor(this.requestSum / REQUESTS_PER_RETRY))) return false
    this.retries[this.second % WINDOW_SECONDS]!++
    this.retrySum++
    return true
  }
}
