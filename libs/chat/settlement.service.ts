import { Inject, Injectable } from '@nestjs/common'
import { nanoCeil, type Clock } from '@tollgate/kernel'
import { LimitsService, type Reservation, type SettleCall } from '@tollgate/limits'
import { CLOCK } from '@tollgate/platform/clock'
import { DURABILITY, LOGGER, type Durability } from '@tollgate/platform/process'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { parseClaim, UsageService, type CommittedSum, type UsageClaim } from '@tollgate/usage'
import { CHARGE_CAPPED } from './running-call'
import { SettlementRing, type RingEntry } from './settlement-ring'

/** Both stores away: how long a finished answer waits for one of them before its connection is closed. */
const LAST_RESORT_MS = 5_000
const RETRY_MS = 200
const RING_AGE_MS = 1_000
const RING_BATCH = 500
/** Claims told to Redis at once; more would have the last ones wait for longer than a command may. */
const TOLD_AT_ONCE = 50

/** Makes finished calls durable, whatever store is away, and keeps vouching for them until they are confirmed. */
@Injectable()
export class SettlementService {
  private readonly ring = new SettlementRing()
  private isTending = false

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

  /** Seconds since the oldest claim that is not confirmed was made; 0 = none. */
  get oldestUnconfirmedSeconds(): number {
    const putAtMs = this.ring.oldestPutAtMs
    return putAtMs === null ? 0 : (this.clock.monotonicMs() - putAtMs) / 1_000
  }

  /** Final claims that no store took in time: where Redis dies with this process, they go into its checkpoint file. */
  get alone(): readonly string[] {
    return this.ring.alone()
  }

  /** Resolves true once the claim is durable (metering.md, I1); false when neither store took it in time. Never rejects. */
  async record(reservation: Reservation, claim: UsageClaim): Promise<boolean> {
    const settle: SettleCall = { reservation, rank: claim.rank, amountNano: nanoCeil(BigInt(claim.amount_pico)), tokens: claim.prompt_tokens + claim.completion_tokens, claim: JSON.stringify(claim) }
    const entry: RingEntry = { settle, putAtMs: this.clock.monotonicMs(), committed: null, isAlone: false }
    this.ring.put(entry)
    if (claim.flags.includes(CHARGE_CAPPED)) this.logger.error({ request_id: claim.rid, tenant: claim.tenant_id, host: claim.host, model: claim.model }, 'an upstream counted more than one call can be charged: it was charged the most, check the host')
    const deadlineMs = this.clock.monotonicMs() + LAST_RESORT_MS
    do {
      if (await this.tryRecord(entry, claim)) return true
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    } while (this.clock.monotonicMs() < deadlineMs)
    entry.isAlone = true
    this.logger.error({ request_id: claim.rid, tenant: claim.tenant_id }, 'usage could not be made durable; the ring keeps it')
    return false
  }

  /**
   * Bills what an earlier process of this installation was serving when it died, as its last checkpoint says (rank 0, so
   * a call that had settled stays as it is). Called once, before anything is served.
   * @throws when Postgres is away: starting then would forget them
   */
  async recover(): Promise<void> {
    const left = (await this.durability.checkpointFile?.read()) ?? []
    for (const line of left) {
      const claim = parseClaim(line, null)
      if (!claim) continue
      try {
        await this.usage.commit(claim)
      } catch (error) {
        if (typeof (error as { code?: unknown }).code !== 'string') throw error
        this.logger.error({ request_id: claim.rid, reason: (error as Error).message }, 'a call of the process before could not be billed')
      }
    }
    if (left.length > 0) this.logger.warn({ calls: left.length }, 'the process before died with calls running; they are billed as far as they got')
  }

  /** Confirms, repeats or drops what the ring holds; called every second. A turn under way is not joined by another: on a slow Redis they would slow it further. */
  async tendRing(): Promise<void> {
    if (this.isTending) return
    this.isTending = true
    try {
      await this.tend()
    } finally {
      this.isTending = false
    }
  }

  private async tend(): Promise<void> {
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

  private async tryRecord(entry: RingEntry, claim: UsageClaim): Promise<boolean> {
    if (!this.durability.isStrict) {
      const isQueued = await this.limits.settle(entry.settle).then(
        () => true,
        () => false,
      )
      if (isQueued) return true
    }
    try {
      entry.committed = await this.usage.commit(claim)
    } catch (error) {
      this.logger.warn({ request_id: claim.rid, reason: (error as Error).message }, 'usage commit failed')
      return false
    }
    this.tellRedis(entry, entry.committed).catch(() => undefined)
    return true
  }

  private async tellRedis(entry: RingEntry, sums: readonly CommittedSum[]): Promise<void> {
    await this.limits.settleCommitted(entry.settle, sums)
    this.ring.drop(entry.settle.reservation.rid)
  }

  private async tendBucket(bucket: number, entries: readonly RingEntry[]): Promise<void> {
    const open = entries.filter((entry) => entry.committed === null)
    const states = open.length > 0 ? await this.limits.claimStates(bucket, open.map(({ settle }) => settle.reservation.rid)) : []
    for (const [i, { settle }] of open.entries()) if (states[i] === 'confirmed') this.ring.drop(settle.reservation.rid)
    await this.tellAll(open.filter((_, i) => states[i] === 'lost').concat(entries.filter(({ committed }) => committed)))
  }

  /** What Redis lost exists here alone, so it goes there together: one by one, a slow Redis would take seconds for a hundred. */
  private async tellAll(entries: readonly RingEntry[]): Promise<void> {
    for (let from = 0; from < entries.length; from += TOLD_AT_ONCE) {
      const told = entries.slice(from, from + TOLD_AT_ONCE).map((entry) => (entry.committed ? this.tellRedis(entry, entry.committed) : this.limits.settle(entry.settle)))
      // What fails is still in the ring, and is tried again in a second.
      await Promise.allSettled(told)
    }
  }
}
