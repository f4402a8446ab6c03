/** A clock that moves only when told to. Both readings advance together. */
export class FakeClock {
  private elapsedMs = 0

  /** `startMs` is the first `now()`, in epoch milliseconds. */
  constructor(private readonly startMs = Date.UTC(2026, 0, 1)) {}

  /** Epoch milliseconds. */
  now(): number {
    return this.startMs + this.elapsedMs
  }

  /** Milliseconds since this clock was made. */
  monotonicMs(): number {
    return this.elapsedMs
  }

  /** Moves time forward by `ms`, which must not be negative. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new Error(`a clock does not run backwards: ${ms}`)
    this.elapsedMs += ms
  }
}
