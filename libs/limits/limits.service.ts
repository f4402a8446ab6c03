import { Inject, Injectable } from '@nestjs/common'
import { bucketTag, nanoCeil, refuse, type Caller, type CallerProject, type Clock, type Refusal } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { AdmissionStore, type CheckpointCall, type ClaimState, type SettleCall } from './admission.store'
import { BudgetStore } from './budget.store'
import { refusalOf, type AdmissionAnswer } from './domain/admission'
import type { BudgetSums, Reservation } from './domain/reservation'
import { ALWAYS } from './domain/period'
import { budgetRedisKey, CREDIT, standingScopes, type StandingScopes, type TierLimits } from './domain/scopes'

/** Loads, period changes, births and lowerings one admission may go through before it gives up. */
const MOST_ROUNDS = 12
/** One for each budget, when each is nearer to its end than the one before. */
const MOST_LOWERINGS = 4
const GRACE_MS = 2_500
/** Admissions whose reply was lost, kept until Redis answers; beyond this many the sweep finds them by their leases. */
const MOST_DOUBTFUL = 10_000
/** A gateway's clock that differs from Redis's by more is told of, at most this often. */
const MOST_SKEW_MS = 500
const SKEW_EVERY_MS = 60_000

/** The most a call may use. */
export interface Demand {
  /** A true upper bound (libs/pricing). */
  readonly estimatePico: bigint
  readonly estimateTokens: number
}

/** A call that asks to be let in. */
export interface AdmissionRequest extends Demand {
  readonly rid: string
  readonly caller: Caller
  readonly tier: TierLimits
  readonly project: CallerProject | null
  readonly leaseMs: number
  readonly gatewayId: string
  /** Writes the draft claim once the budgets it will count in are known. */
  readonly draft: (budgets: readonly string[]) => string
  /** True: answers as if, and reserves nothing. */
  readonly isDry?: boolean
  /** What the call makes do with when a budget has only `leftPico` left; null = nothing less than it asked for. */
  readonly lower?: (leftPico: bigint, rule: string) => Demand | null
}

/** `stale` = the caller's cached record is older than a change: read it again and ask once more. */
export type Admission = { readonly kind: 'admitted'; readonly reservation: Reservation } | { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'stale' }

/** Limits of tenants and keys: admission in one round trip, settlement, checkpoints. See README.md of this room. */
@Injectable()
export class LimitsService {
  /** Per caller's cached record, tier and project: thousands of calls have the same scopes. */
  private readonly standing = new WeakMap<Caller, { tier: TierLimits; project: CallerProject | null; scopes: StandingScopes }>()

  /** By Redis key: a crowd that finds a budget missing reads it from Postgres once, not once a call. */
  private readonly loading = new Map<string, Promise<void>>()
  private readonly doubtful = new Map<string, SettleCall>()
  private skewToldAtMs = -Infinity
  private asked = 0

  constructor(
    private readonly admissions: AdmissionStore,
    private readonly budgets: BudgetStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Lets a call in and reserves all it may use, or refuses it whole. Never throws for an infrastructure fault: that is a 503. */
  async admit(request: AdmissionRequest): Promise<Admission> {
    let nowMs = this.clock.now()
    let scopes = this.scopesAt(request, nowMs)
    const asker = `${request.gatewayId} ${++this.asked}`
    let asked = request
    let lowerings = 0
    try {
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const answer = await this.ask(asked, scopes, asker)
        const lower = answer.code === 'BUDGET' && lowerings++ < MOST_LOWERINGS ? request.lower?.(leftPico(answer), scopes.budgets[answer.index]!.rule) : null
        if (answer.code === 'LOAD') await this.load(request.caller.tenant.id, scopes, answer.index)
        else if (answer.code === 'BORN') await this.admissions.markBorn(request.caller.tenant.bucket, GRACE_MS)
        else if (answer.code === 'PERIOD') {
          nowMs = answer.nowMs
          scopes = this.scopesAt(request, nowMs)
        } else if (lower) asked = { ...request, ...lower }
        else return this.conclude(answer, answer.code === 'OK' ? asked : request, scopes)
      }
    } catch (error) {
      this.logger.warn({ request_id: request.rid, reason: (error as Error).message }, 'admission failed')
      if (!request.isDry && !isUnsent(error as Error)) this.doubt(request, scopes)
      return { kind: 'refused', refusal: refuse('limits_unavailable', {}, { retryAfterSeconds: 2 }) }
    }
    return { kind: 'refused', refusal: refuse('limits_unavailable', {}, { retryAfterSeconds: 1 }) }
  }

  /**
   * Ends admissions whose reply was lost: they may have reserved money that no call will use. Ended by request id, so
   * that one which Redis has yet to run is refused as a duplicate. Called every second.
   */
  async releaseDoubtful(): Promise<void> {
    for (const [rid, call] of this.doubtful) {
      await this.admissions.settleCommitted(call, [])
      this.doubtful.delete(rid)
    }
  }

  /** Tells the workers that this gateway lives: what it holds is freed only a minute after its last sign of life. */
  async beat(gatewayId: string): Promise<void> {
    await this.admissions.beat(gatewayId)
  }

  /** Durable in Redis (with AOF) when it resolves. Rejects when Redis does not answer. */
  async settle(call: SettleCall): Promise<void> {
    await this.admissions.settle(call)
  }

  /** Tells Redis of a claim that Postgres committed. Rejects when Redis does not answer. */
  async settleCommitted(call: SettleCall, sums: readonly BudgetSums[]): Promise<void> {
    await this.admissions.settleCommitted(call, sums)
  }

  /** See AdmissionStore.checkpoint. */
  async checkpoint(bucket: number, leaseMs: number, gatewayId: string, calls: readonly CheckpointCall[]): Promise<string[]> {
    return this.admissions.checkpoint(bucket, leaseMs, gatewayId, calls)
  }

  /** See AdmissionStore.claimStates. */
  async claimStates(bucket: number, rids: readonly string[]): Promise<ClaimState[]> {
    return this.admissions.claimStates(bucket, rids)
  }

  /** What running and not yet booked calls of a prepaid tenant hold of its credit, pico. Rejects when Redis does not answer. */
  async heldCreditPico({ bucket, id }: { bucket: number; id: string }): Promise<bigint> {
    return BigInt(await this.admissions.heldOf(budgetRedisKey(bucketTag(bucket), id, CREDIT, ALWAYS.id))) * 1000n
  }

  /** Revokes at the next admission, everywhere. */
  async revokeKey(bucket: number, keyId: string): Promise<void> {
    await this.admissions.revokeKey(bucket, keyId)
  }

  /** Makes every gateway re-read this tenant's callers at their next admission. */
  async raiseEpoch(bucket: number, tenantId: string, epoch: number): Promise<void> {
    await this.admissions.raiseEpoch(bucket, tenantId, epoch)
  }

  /**
   * Marks all buckets at boot, and answers how long hard-capped callers still have to wait, in ms. `graceMs` 0 only
   * where nothing can be running: one process with its own, fresh Redis.
   */
  async markBuckets(graceMs: number = GRACE_MS): Promise<number> {
    const waits = await Promise.all(Array.from({ length: 64 }, (_, bucket) => this.admissions.markBorn(bucket, graceMs)))
    return Math.max(0, ...waits)
  }

  private scopesAt({ caller, tier, project }: AdmissionRequest, nowMs: number): StandingScopes {
    const known = this.standing.get(caller)
    if (known && known.tier === tier && known.project === project && nowMs >= known.scopes.fromMs && nowMs < known.scopes.untilMs) return known.scopes
    const scopes = standingScopes(caller, tier, project, nowMs)
    this.standing.set(caller, { tier, project, scopes })
    return scopes
  }

  private ask(request: AdmissionRequest, scopes: StandingScopes, asker: string): Promise<AdmissionAnswer> {
    const { tenant, key } = request.caller
    const call = {
      rid: request.rid,
      tenantId: tenant.id,
      keyId: key.id,
      bucket: tenant.bucket,
      authEpoch: tenant.authEpoch,
      estimateNano: reservable(request.estimatePico),
      estimateTokens: request.estimateTokens,
      leaseMs: request.leaseMs,
      draft: request.draft(scopes.budgetNames),
      asker,
      isDry: request.isDry ?? false,
    }
    return this.admissions.admit(call, scopes)
  }

  private load(tenantId: string, scopes: StandingScopes, index: number): Promise<void> {
    const budget = scopes.budgets[index]!
    const { redisKey, period } = budget
    const running = this.loading.get(redisKey)
    if (running) return running
    const load = this.budgets
      .open(tenantId, budget)
      .then((sums) => this.admissions.loadBudget(redisKey, sums, period.endsAtMs))
      .finally(() => this.loading.delete(redisKey))
    this.loading.set(redisKey, load)
    return load
  }

  private doubt(request: AdmissionRequest, scopes: StandingScopes): void {
    if (this.doubtful.size >= MOST_DOUBTFUL) return
    const reservation = reservationOf(request, scopes, { nowMs: this.clock.now(), headroom: { requests: null, tokens: null }, standings: [] })
    this.doubtful.set(request.rid, { reservation, rank: 1, amountNano: 0, tokens: 0, claim: '' })
  }

  private watchSkew(redisNowMs: number): void {
    const nowMs = this.clock.now()
    if (Math.abs(nowMs - redisNowMs) <= MOST_SKEW_MS || nowMs - this.skewToldAtMs < SKEW_EVERY_MS) return
    this.skewToldAtMs = nowMs
    this.logger.warn({ skew_ms: nowMs - redisNowMs }, 'this machine and Redis disagree about the time: check NTP on both')
  }

  private conclude(answer: AdmissionAnswer, request: AdmissionRequest, scopes: StandingScopes): Admission {
    if (answer.code === 'EPOCH') return { kind: 'stale' }
    const { tenant } = request.caller
    const refusal = refusalOf(answer, scopes, { tokens: request.estimateTokens, estimatePico: request.estimatePico, currency: tenant.currency })
    // Refused for what is spent, not for what runs beside it: that is what exhausted means.
    if (!request.isDry && answer.code === 'BUDGET' && answer.usedNano + BigInt(reservable(request.estimatePico)) > answer.limitNano) this.budgets.noteRefused(tenant.id, scopes.budgets[answer.index]!)
    if (refusal) return { kind: 'refused', refusal }
    if (answer.code !== 'OK') throw new Error(`admission ended with ${answer.code}`)
    this.watchSkew(answer.nowMs)
    return { kind: 'admitted', reservation: reservationOf(request, scopes, answer) }
  }
}

function reservationOf(request: AdmissionRequest, scopes: StandingScopes, { nowMs, headroom, standings }: { nowMs: number } & Pick<Reservation, 'headroom' | 'standings'>): Reservation {
  const { tenant, key } = request.caller
  return {
    rid: request.rid,
    tenantId: tenant.id,
    keyId: key.id,
    bucket: tenant.bucket,
    estimateNano: reservable(request.estimatePico),
    estimateTokens: request.estimateTokens,
    limiterKeys: scopes.limiterKeys,
    budgetKeys: scopes.budgetKeys,
    budgets: scopes.budgetNames,
    admittedAtMs: nowMs,
    ...{ headroom, standings, scopes: scopes.budgets },
  }
}

function leftPico(answer: Extract<AdmissionAnswer, { code: 'BUDGET' }>): bigint {
  return (answer.limitNano - answer.usedNano - answer.reservedNano) * 1000n
}

/** True when the command never left: there was no connection to write it to. */
function isUnsent(error: Error): boolean {
  return error.message.startsWith("Stream isn't writeable") || error.message === 'Connection is closed.'
}

/** Nano to reserve. More than any budget may hold (9 million units) is cut there: a Lua number counts no further. */
function reservable(estimatePico: bigint): number {
  return Math.min(nanoCeil(estimatePico), Number.MAX_SAFE_INTEGER)
}
