const STEP_MS = 5_000
const STEPS = 24
/** A provider is asked for at most so many times what it takes. */
const MOST_OVER_TAKEN = 2
/** Nothing is judged by fewer requests. */
const LEAST_REQUESTS = 10
/** Part of the requests that is let through in any case, to see whether the provider takes them again; doubled by each that it took. */
const LEAST_LET_IN = 0.05

/**
 * Refuses calls to a provider that refuses most of them: of the last 120 seconds' requests r, t of them taken, a part of
 * (r − 2t) / (r + 1) goes no further than here, so that the provider is asked for about twice what it takes (routing.md;
 * the rule is known from Google's book on site reliability). Calls that were refused here count as requests. That rule alone
 * would need many windows to let go of a provider that is back: each call it takes in a row doubles what is let through.
 * Pure but for what it remembers; time is told (monotonic ms).
 */
export class RefusalThrottle {
  private readonly requests = new Uint32Array(STEPS)
  private readonly taken = new Uint32Array(STEPS)
  private requestSum = 0
  private takenSum = 0
  private step = -Infinity
  private takenInRow = 0
  private askedUntilMs = 0

  /** A call ended, which the provider took or refused. @param retryAfterMs what it asked for when it refused */
  noteEnd(isRefused: boolean, retryAfterMs: number | null, nowMs: number): void {
    this.count(nowMs, !isRefused)
    this.takenInRow = isRefused ? 0 : this.takenInRow + 1
    if (isRefused && retryAfterMs !== null) this.askedUntilMs = nowMs + retryAfterMs
  }

  /** A call was refused here. */
  noteRefused(nowMs: number): void {
    this.count(nowMs, false)
  }

  /** Part of the calls that is to be refused here now, from 0 to below 1. */
  refusedPart(nowMs: number): number {
    this.move(nowMs)
    if (this.requestSum < LEAST_REQUESTS) return 0
    const part = (this.requestSum - MOST_OVER_TAKEN * this.takenSum) / (this.requestSum + 1)
    return Math.max(0, Math.min(part, 1 - LEAST_LET_IN * 2 ** this.takenInRow))
  }

  /** Rest of the time that the provider asked to be given; 0 = none. */
  askedForMs(nowMs: number): number {
    return Math.max(0, this.askedUntilMs - nowMs)
  }

  private count(nowMs: number, isTaken: boolean): void {
    this.move(nowMs)
    this.requests[this.step % STEPS]!++
    this.requestSum++
    if (!isTaken) return
    this.taken[this.step % STEPS]!++
    this.takenSum++
  }

  /** Forgets what is older than the window. A clock that stands still or runs back moves nothing. */
  private move(nowMs: number): void {
    const now = Math.floor(nowMs / STEP_MS)
    for (let gone = Math.max(0, this.step + 1, now - STEPS + 1); gone <= now; gone++) {
      const at = gone % STEPS
      this.requestSum -= this.requests[at]!
      this.takenSum -= this.taken[at]!
      this.requests[at] = 0
      this.taken[at] = 0
    }
    this.step = Math.max(this.step, now)
  }
}
