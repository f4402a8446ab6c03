import { Inject, Injectable } from '@nestjs/common'
import { nanoCeil, type Clock } from '@tollgate/kernel'
import { LimitsService, type Reservation, type SettleCall } from '@tollgate/limits'
import { CLOCK } from '@tollgate/platform/clock'
import { DURABILITY, LOGGER, type Durability } from '@tollgate/platform/process'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { UsageService, type CommittedSum, type UsageClaim } from '@tollgate/usage'
import { SettlementRing, type RingEntry } from './settlement-ring'

/** Both stores away: how long a finished answer waits for one of them before its connection is closed. */
const LAST_RESORT_MS = 5_000
const RETRY_MS = 200
const RING_AGE_MS = 1_000
const RING_BATCH = 500

/** Makes finished calls durable, whatever store is away, and keeps vouching for them until they are confirmed. */
@Injectable()
export class SettlementService {
  private readonly ring = new SettlementRing()

  constructor(
    private readonly limits: LimitsService,
    private readonly usage: UsageService,
    @Inject(DURABILITY) private readonly durability: Durability,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** False closes admission (503): too much usage is unconfirmed. */
  canTakeMore(): boolean {
    return !this.ring.isFull()
  }

  get unconfirmed(): number {
    return this.ring.size
  }

  /** Resolves true once the claim is durable (metering.md, I1); false when neither store took it in time. Never rejects. */
  async record(reservation: Reservation, claim: UsageClaim): Promise<boolean> {
    const settle: SettleCall = { reservation, rank: claim.rank, amountNano: nanoCeil(BigInt(claim.amount_pico)), tokens: claim.prompt_tokens + claim.completion_tokens, claim: JSON.stringify(claim) }
    const entry: RingEntry = { settle, claim, putAtMs: this.clock.monotonicMs(), committed: null }
    this.ring.put(entry)
    const deadlineMs = this.clock.monotonicMs() + LAST_RESORT_MS
    do {
      if (await this.tryRecord(entry)) return true
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    } while (this.clock.monotonicMs() < deadlineMs)
    this.logger.error({ request_id: claim.rid, tenant: claim.tenant_id }, 'usage could not be made durable; the ring keeps it')
    return false
  }

  /** Confirms, repeats or drops what the ring holds; called every second. */
  async tendRing(): Promise<void> {
    const byBucket = new Map<number, RingEntry[]>()
    for (const entry of this.ring.olderThan(this.clock.monotonicMs() - RING_AGE_MS)) {
      const { bucket } = entry.settle.reservation
      const entries = byBucket.get(bucket)
      if (entries) entries.push(entry)
      else byBucket.set(bucket, [entry])
    }
    for (const [bucket, entries] of byBucket) {
      for (let from = 0; from < entries.length; from += RING_BATCH) await this.tendBucket(bucket, entries.slice(from, from + RING_BATCH)).catch(() => undefined)
    }
  }

  private async tryRecord(entry: RingEntry): Promise<boolean> {
    if (!this.durability.isStrict) {
      const isQueued = await this.limits.settle(entry.settle).then(
        () => true,
        () => false,
      )
      if (isQueued) return true
    }
    try {
      entry.committed = await this.usage.commit(entry.claim)
    } catch (error) {
      this.logger.warn({ request_id: entry.claim.rid, reason: (error as Error).message }, 'usage commit failed')
      return false
    }
    this.tellRedis(entry, entry.committed).catch(() => undefined)
    return true
  }

  private async tellRedis(entry: RingEntry, sums: readonly CommittedSum[]): Promise<void> {
    await this.limits.settleCommitted(entry.settle, sums)
    this.ring.drop(entry.claim.rid)
  }

  private async tendBucket(bucket: number, entries: readonly RingEntry[]): Promise<void> {
    const open = entries.filter((entry) => entry.committed === null)
    const states = open.length > 0 ? await this.limits.claimStates(bucket, open.map((entry) => entry.claim.rid)) : []
    for (const [i, entry] of open.entries()) {
      if (states[i] === 'confirmed') this.ring.drop(entry.claim.rid)
      else if (states[i] === 'lost') await this.limits.settle(entry.settle)
    }
    for (const entry of entries) if (entry.committed) await this.tellRedis(entry, entry.committed)
  }
}
