import type { SettleCall } from '@tollgate/limits'
import type { CommittedSum, UsageClaim } from '@tollgate/usage'

/** A final claim that Redis or Postgres has not confirmed for good. */
export interface RingEntry {
  readonly settle: SettleCall
  readonly claim: UsageClaim
  readonly putAtMs: number
  /** Set when Postgres has committed it and only Redis has yet to learn. */
  committed: readonly CommittedSum[] | null
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

  isFull(): boolean {
    return this.entries.size >= MOST_ENTRIES || this.bytes >= MOST_BYTES
  }

  put(entry: RingEntry): void {
    this.drop(entry.claim.rid)
    this.entries.set(entry.claim.rid, entry)
    this.bytes += entry.settle.claim.length
  }

  drop(rid: string): void {
    const entry = this.entries.get(rid)
    if (!entry) return
    this.entries.delete(rid)
    this.bytes -= entry.settle.claim.length
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
