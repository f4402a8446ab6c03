import type { SettleCall } from '@tollgate/limits'
import type { CommittedSum } from '@tollgate/usage'

/** A final claim that Redis or Postgres has not confirmed for good. */
export interface RingEntry {
  /** Holds the claim as text, once: thousands of entries live for a second or two, and the collector carries them along. */
  readonly settle: SettleCall
  readonly putAtMs: number
  /** Set when Postgres has committed it and only Redis has yet to learn. */
  committed: readonly CommittedSum[] | null
  /** No store took it in time: it exists here alone. */
  isAlone: boolean
}

const MOST_ENTRIES = 50_000
const MOST_BYTES = 64 * 1024 * 1024

/**
 * Final claims this gateway still vouches for (metering.md, ring): if Redis loses its memory they are claimed again.
 * Bounded; a full ring closes admission, because nothing billable may live only in memory once a client has its answer.
 */
export class SettlementRing {
  private readonly entries = new Map<string, RingEntry>()
  private bytes = 0

  get size(): number {
    return this.entries.size
  }

  /** Monotonic ms; null when there is none. */
  get oldestPutAtMs(): number | null {
    for (const { putAtMs } of this.entries.values()) return putAtMs
    return null
  }

  isFull(): boolean {
    return this.entries.size >= MOST_ENTRIES || this.bytes >= MOST_BYTES
  }

  put(entry: RingEntry): void {
    const { rid } = entry.settle.reservation
    this.drop(rid)
    this.entries.set(rid, entry)
    this.bytes += entry.settle.claim.length
  }

  drop(rid: string): void {
    const entry = this.entries.get(rid)
    if (!entry) return
    this.entries.delete(rid)
    this.bytes -= entry.settle.claim.length
  }

  /** Claims, as text, that no store took in time. */
  alone(): string[] {
    return [...this.entries.values()].filter(({ isAlone }) => isAlone).map(({ settle }) => settle.claim)
  }

  /** Entries put before an instant (monotonic ms), oldest first. */
  olderThan(instantMs: number): RingEntry[] {
    const old: RingEntry[] = []
    for (const entry of this.entries.values()) {
      if (entry.putAtMs > instantMs) break
      old.push(entry)
    }
    return old
  }
}
