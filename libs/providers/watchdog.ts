import type { Clock } from '@tollgate/kernel'
import type { AttemptDeadlines } from './domain/adapter'

/** Which time limit ran out. `grace`: the answer is whole but its upstream does not close it. */
export type Expiry = 'connect' | 'first_byte' | 'idle' | 'total' | 'grace'

/** How long an answer with a finish reason may stay open for its usage and end marker. */
export const GRACE_MS = 1_000

const STALE_WITHIN_MS = 1_000

/** Comments and pings keep the bytes flowing; events may lag this many idle limits behind, no more. */
const EVENT_IDLE_FACTOR = 4

/**
 * Watches all time limits of one attempt with a single timer. Marking progress only stores a number; the timer looks at
 * the numbers when it fires and goes back to sleep for what is left, so a chunk costs no timer work.
 */
export class Watchdog {
  private readonly startedMs: number
  private dialledMs: number
  private sentMs: number | null = null
  private byteMs: number | null = null
  private eventMs = 0
  private isGraceful = false
  private isPaused = false
  private timer: NodeJS.Timeout | null = null
  private lastLook: NodeJS.Immediate | null = null
  private firesAtMs = Infinity

  constructor(
    private readonly deadlines: AttemptDeadlines,
    /** A whole answer is one event: silence lasts while it is written, so it has the time a first event may take. */
    private readonly isStream: boolean,
    private readonly clock: Clock,
    private readonly onExpire: (what: Expiry) => void,
  ) {
    this.startedMs = this.dialledMs = clock.monotonicMs()
    this.arm(Math.min(deadlines.connectMs, deadlines.totalMs))
  }

  /** The request has a connection: from here on the first byte is awaited. */
  sent(): void {
    this.sentMs = this.clock.monotonicMs()
    this.rearm()
  }

  /** The connection was stale and another is being made. */
  redial(): void {
    this.sentMs = null
    this.dialledMs = this.clock.monotonicMs()
    this.rearm()
  }

  /** A stale connection shows within a round trip; a reset after that hit a request that was being worked on. */
  get wasJustSent(): boolean {
    return this.sentMs !== null && this.clock.monotonicMs() - this.sentMs < STALE_WITHIN_MS
  }

  /** Bytes came; answers the time. */
  bytes(): number {
    const now = this.clock.monotonicMs()
    if (this.byteMs === null) {
      this.byteMs = this.eventMs = now
      this.rearm()
    } else this.byteMs = now
    return now
  }

  /** An event came at `nowMs`. */
  event(nowMs: number): void {
    this.eventMs = nowMs
  }

  /** The answer is whole: only its closing is awaited, briefly. */
  grace(): void {
    if (this.isGraceful) return
    this.isGraceful = true
    this.rearm()
  }

  /** Our own reader is slow: the upstream is not to blame for silence meanwhile. */
  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.byteMs = this.eventMs = this.clock.monotonicMs()
    this.rearm()
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer)
    if (this.lastLook) clearImmediate(this.lastLook)
    this.timer = this.lastLook = null
    this.isPaused = true
  }

  get isSent(): boolean {
    return this.sentMs !== null
  }

  /** A timer that fires too early only looks and sleeps on; so it is replaced only by an earlier one. */
  private rearm(): void {
    const { atMs } = this.next()
    if (atMs < this.firesAtMs) this.arm(atMs - this.clock.monotonicMs())
  }

  private arm(delayMs: number): void {
    if (this.timer) clearTimeout(this.timer)
    this.firesAtMs = this.clock.monotonicMs() + delayMs
    this.timer = setTimeout(() => this.check(), Math.max(0, Math.ceil(delayMs)))
  }

  /**
   * Timers run before sockets are read. When this process stood still, what came meanwhile is waiting to be read, and the
   * upstream is not late: so a limit that ran out is looked at once more after the sockets.
   */
  private check(): void {
    this.timer = null
    if (this.sleepsOn()) return
    this.lastLook ??= setImmediate(() => {
      this.lastLook = null
      if (!this.timer && !this.sleepsOn()) this.onExpire(this.next().what)
    })
  }

  private sleepsOn(): boolean {
    const leftMs = this.next().atMs - this.clock.monotonicMs()
    if (leftMs > 0) this.arm(leftMs)
    return leftMs > 0
  }

  /** The limit that runs out next, with the moment it does. */
  private next(): { what: Expiry; atMs: number } {
    const { connectMs, firstByteMs, idleMs, totalMs } = this.deadlines
    // An answer that is whole when its time runs out still gets the moment in which its usage comes.
    const total = { what: 'total' as const, atMs: this.startedMs + totalMs + (this.isGraceful ? GRACE_MS : 0) }
    let phase: { what: Expiry; atMs: number }
    if (this.sentMs === null) phase = { what: 'connect', atMs: this.dialledMs + connectMs }
    else if (this.byteMs === null) phase = { what: 'first_byte', atMs: this.sentMs + firstByteMs + (this.isStream ? 0 : EVENT_IDLE_FACTOR * idleMs) }
    else if (this.isPaused) return total
    else if (this.isGraceful) phase = { what: 'grace', atMs: this.byteMs + Math.min(GRACE_MS, idleMs) }
    else phase = { what: 'idle', atMs: Math.min(this.byteMs + idleMs, this.eventMs + EVENT_IDLE_FACTOR * idleMs) }
    return phase.atMs < total.atMs ? phase : total
  }
}
