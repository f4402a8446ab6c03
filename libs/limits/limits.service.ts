import { Inject, Injectable } from '@nestjs/common'
import { nanoCeil, refuse, type Caller, type CallerProject, type Clock, type Refusal } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { AdmissionStore, type CheckpointCall, type ClaimState, type SettleCall } from './admission.store'
import { BudgetStore } from './budget.store'
import { refusalOf, type AdmissionAnswer } from './domain/admission'
import type { BudgetSums, Reservation } from './domain/reservation'
import { scopesOf, type CallScopes, type TierLimits } from './domain/scopes'

/** Loads, period changes and births one admission may go through before it gives up. */
const MOST_ROUNDS = 8
const GRACE_MS = 2_500

/** A call that asks to be let in. */
export interface AdmissionRequest {
  readonly rid: string
  readonly caller: Caller
  readonly tier: TierLimits
  readonly project: CallerProject | null
  /** A true upper bound (libs/pricing). */
  readonly estimatePico: bigint
  readonly estimateTokens: number
  readonly leaseMs: number
  readonly gatewayId: string
  /** Writes the draft claim once the budgets it will count in are known. */
  readonly draft: (budgets: readonly string[]) => string
}

/** `stale` = the caller's cached record is older than a change: read it again and ask once more. */
export type Admission = { readonly kind: 'admitted'; readonly reservation: Reservation } | { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'stale' }

/** Limits of tenants and keys: admission in one round trip, settlement, checkpoints. See README.md of this room. */
@Injectable()
export class LimitsService {
  constructor(
    private readonly admissions: AdmissionStore,
    private readonly budgets: BudgetStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Lets a call in and reserves all it may use, or refuses it whole. Never throws for an infrastructure fault: that is a 503. */
  async admit(request: AdmissionRequest): Promise<Admission> {
    let nowMs = this.clock.now()
    let scopes = scopesOf(request.caller, request.tier, request.project, nowMs)
    try {
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const answer = await this.ask(request, scopes)
        if (answer.code === 'LOAD') await this.load(request.caller.tenant.id, scopes, answer.index)
        else if (answer.code === 'BORN') await this.admissions.markBorn(request.caller.tenant.bucket, GRACE_MS)
        else if (answer.code === 'PERIOD') {
          nowMs = answer.nowMs
          scopes = scopesOf(request.caller, request.tier, request.project, nowMs)
        } else return this.conclude(answer, request, scopes)
      }
    } catch (error) {
      this.logger.warn({ request_id: request.rid, reason: (error as Error).message }, 'admission failed')
      return { kind: 'refused', refusal: refuse('limits_unavailable', {}, { retryAfterSeconds: 2 }) }
    }
    return { kind: 'refused', refusal: refuse('limits_unavailable', {}, { retryAfterSeconds: 1 }) }
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

  private ask(request: AdmissionRequest, scopes: CallScopes): Promise<AdmissionAnswer> {
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
      draft: request.draft(budgetNames(scopes)),
      gatewayId: request.gatewayId,
    }
    return this.admissions.admit(call, scopes)
  }

  private async load(tenantId: string, scopes: CallScopes, index: number): Promise<void> {
    const budget = scopes.budgets[index]!
    await this.admissions.loadBudget(budget.redisKey, await this.budgets.open(tenantId, budget), budget.period.endsAtMs)
  }

  private conclude(answer: AdmissionAnswer, request: AdmissionRequest, scopes: CallScopes): Admission {
    if (answer.code === 'EPOCH') return { kind: 'stale' }
    const { tenant, key } = request.caller
    const refusal = refusalOf(answer, scopes, { tokens: request.estimateTokens, estimatePico: request.estimatePico, currency: tenant.currency, billing: tenant.billing })
    if (refusal) return { kind: 'refused', refusal }
    if (answer.code !== 'OK') throw new Error(`admission ended with ${answer.code}`)
    const reservation: Reservation = {
      rid: request.rid,
      tenantId: tenant.id,
      keyId: key.id,
      bucket: tenant.bucket,
      estimateNano: reservable(request.estimatePico),
      estimateTokens: request.estimateTokens,
      limiterKeys: scopes.limiters.map((limiter) => limiter.redisKey),
      budgetKeys: scopes.budgets.map((budget) => budget.redisKey),
      budgets: budgetNames(scopes),
      admittedAtMs: answer.nowMs,
      headroom: answer.headroom,
    }
    return { kind: 'admitted', reservation }
  }
}

/** Nano to reserve. More than any budget may hold (9 million units) is cut there: a Lua number counts no further. */
function reservable(estimatePico: bigint): number {
  return Math.min(nanoCeil(estimatePico), Number.MAX_SAFE_INTEGER)
}

function budgetNames(scopes: CallScopes): string[] {
  return scopes.budgets.map((budget) => `${budget.scope}|${budget.period.id}`)
}
