import { refuse, type Refusal } from '@tollgate/kernel'
import { within } from '@tollgate/platform/clock'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { standingOf, type KeyRecord } from './domain/key-record'
import type { KeyLife, KeyPlace, KeyStore } from './key.store'

/** A key must not make a caller wait for a Postgres that swallows packets. */
const CLAIM_MOST_MS = 3_000
/** An answer that is ready waits at most this for its end to be written; the upkeep writes it later. */
const END_MOST_MS = 1_000
const MOST_UNWRITTEN = 10_000
const RETRY_AFTER_SECONDS = 2
/** Rounds lost to others who free or take the key at the same moment. */
const MOST_ROUNDS = 5

/** A request that brings a key. `requestId` becomes the id of the work if nobody has the key. */
export interface KeyedRequest {
  readonly place: KeyPlace
  readonly bodyHash: Buffer
  readonly requestId: string
}

/** What becomes of such a request; `ended` carries the record of the one that went before. */
export type KeyClaim = { readonly kind: 'run'; readonly life: KeyLife } | { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'ended'; readonly record: KeyRecord }

/** What a plane makes of a record whose owner died: an answer, or the life under which this request goes on (a rid). */
export type Abandoned = { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'runAs'; readonly rid: string }

/**
 * Who may work under a key. Keeps the lives of this process leased, and its ends until they are written. Without its
 * store nothing runs: 503, since a key that is not checked protects nobody.
 */
export class KeysService {
  private readonly running = new Map<string, KeyLife>()
  private readonly unwritten = new Map<string, () => Promise<void>>()

  constructor(
    private readonly store: KeyStore,
    private readonly leaseMs: number,
    private readonly logger: ProcessLogger,
  ) {}

  /** Never throws for an infrastructure fault. @param judge says what becomes of a record whose owner is gone */
  async claim(request: KeyedRequest, judge: (record: KeyRecord) => Promise<Abandoned>): Promise<KeyClaim> {
    const decided = this.decide(request, judge)
    try {
      return await within(CLAIM_MOST_MS, decided)
    } catch (error) {
      // What is taken too late is nobody's: the caller has been sent away.
      decided.then((claim) => (claim.kind === 'run' ? this.free(claim.life) : undefined), () => undefined)
      this.logger.warn({ request_id: request.requestId, reason: (error as Error).message }, 'idempotency key not checked')
      return { kind: 'refused', refusal: refuse('idempotency_unavailable', {}, { retryAfterSeconds: RETRY_AFTER_SECONDS }) }
    }
  }

  /** Resolves when the outcome is written, or after a second all the same. Never rejects. */
  async finish(life: KeyLife, outcome: string): Promise<void> {
    await this.end(life, () => this.store.finish(life, outcome))
  }

  /** Nothing was done in this life: its key is free again, unless there was a life before it. As `finish`. */
  async free(life: KeyLife): Promise<void> {
    if (life.rid !== life.owner) return this.leave(life)
    await this.end(life, () => this.store.free(life))
  }

  /** It ended, and how is not for us to say. As `finish`. */
  async leave(life: KeyLife): Promise<void> {
    await this.end(life, () => this.store.leave(life))
  }

  /** Extends the leases of what runs and writes ends that are still to be written; called a few times a lease. */
  async tend(): Promise<void> {
    const lives = [...this.running.values()]
    const holders = new Set(lives.map(({ place }) => place.holder))
    const extended = [...holders].map((holder) => this.store.extend(holder, lives.filter(({ place }) => place.holder === holder), this.leaseMs))
    const written = [...this.unwritten].map(([owner, write]) => write().then(() => this.unwritten.delete(owner)))
    await Promise.allSettled([...extended, ...written])
  }

  private async decide(request: KeyedRequest, judge: (record: KeyRecord) => Promise<Abandoned>): Promise<KeyClaim> {
    const { place, bodyHash, requestId } = request
    const fresh: KeyLife = { place, rid: requestId, owner: requestId }
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const record = await this.store.claim(fresh, bodyHash, this.leaseMs)
      if (record === null) return this.run(fresh)
      if (record === undefined) continue
      const standing = standingOf(record, bodyHash)
      if (standing === 'reused') return { kind: 'refused', refusal: refuse('idempotency_key_reused') }
      if (standing === 'ended') return { kind: 'ended', record }
      if (standing === 'running') break
      const next: Abandoned = standing === 'free' ? { kind: 'runAs', rid: requestId } : await judge(record)
      if (next.kind === 'refused') return next
      const life: KeyLife = { place, rid: next.rid, owner: requestId }
      if (await this.store.takeOver(life, record, bodyHash, this.leaseMs)) return this.run(life)
    }
    return { kind: 'refused', refusal: refuse('idempotency_in_progress', {}, { retryAfterSeconds: RETRY_AFTER_SECONDS }) }
  }

  private run(life: KeyLife): KeyClaim {
    this.running.set(life.owner, life)
    return { kind: 'run', life }
  }

  private async end(life: KeyLife, write: () => Promise<void>): Promise<void> {
    this.running.delete(life.owner)
    if (this.unwritten.size < MOST_UNWRITTEN) this.unwritten.set(life.owner, write)
    const written = write().then(() => void this.unwritten.delete(life.owner))
    await within(END_MOST_MS, written).catch((error: Error) => this.logger.warn({ request_id: life.rid, reason: error.message }, 'end of a keyed request not written yet'))
  }
}
