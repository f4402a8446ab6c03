import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import { bucketTag, nanoCeil } from '@tollgate/kernel'
import { LuaScript, RedisClients } from '@tollgate/platform/redis'
import { parseAnswer, type AdmissionAnswer } from './domain/admission'
import type { BudgetSums, Reservation } from './domain/reservation'
import type { CallScopes } from './domain/scopes'

const script = (name: string) => LuaScript.load(join(__dirname, 'lua', `${name}.lua`))
const REVOKED_TTL_SECONDS = 86_400
/** Sums outlive their period by this, for calls that were admitted just before its end. */
const BUDGET_AFTERLIFE_MS = 2 * 86_400_000

/** What `admit` needs beyond the scopes. */
export interface AdmissionCall {
  readonly rid: string
  readonly tenantId: string
  readonly keyId: string
  readonly bucket: number
  readonly authEpoch: number
  readonly estimateNano: number
  readonly estimateTokens: number
  readonly leaseMs: number
  /** The claim to make if the gateway dies right after admission: rank 0, nothing used. */
  readonly draft: string
  readonly gatewayId: string
}

/** Running state of a call, for the checkpoint script. */
export interface CheckpointCall {
  readonly reservation: Reservation
  readonly progressNano: number
  readonly draft: string
}

/** A final or swept claim on its way. */
export interface SettleCall {
  readonly reservation: Reservation
  readonly rank: 0 | 1
  readonly amountNano: number
  readonly tokens: number
  readonly claim: string
}

/** Where a final claim stands. */
export type ClaimState = 'confirmed' | 'pending' | 'lost'

/** The Redis side of limits: every method is one script on one bucket. Rejects when Redis does not answer in time. */
@Injectable()
export class AdmissionStore {
  private readonly scripts = { admit: script('admit'), settle: script('settle'), load: script('load'), checkpoint: script('checkpoint') }

  constructor(private readonly redis: RedisClients) {}

  async admit(call: AdmissionCall, scopes: CallScopes): Promise<AdmissionAnswer> {
    const tag = bucketTag(call.bucket)
    const keys = [`${tag}:rsv:${call.rid}`, `${tag}:done:${call.rid}`, `${tag}:lease`, `${tag}:born`, `${tag}:rev:${call.keyId}`, `${tag}:epoch:${call.tenantId}`]
    const args: (string | number)[] = [call.rid, call.estimateNano, call.estimateTokens, call.leaseMs, call.authEpoch, call.draft, call.gatewayId, scopes.limiters.length, scopes.budgets.length]
    for (const limiter of scopes.limiters) {
      keys.push(limiter.redisKey)
      args.push(limiter.requestsPerMinute ?? 0, limiter.tokensPerMinute ?? 0, limiter.maxParallel ?? 0)
    }
    for (const budget of scopes.budgets) {
      keys.push(budget.redisKey)
      args.push(budget.maxPico === null ? -1 : Number(budget.maxPico / 1000n), budget.period.startsAtMs, budget.period.endsAtMs, 1)
    }
    return parseAnswer(await this.scripts.admit.run(this.redis.admission, keys, args))
  }

  /** Queues the claim for the worker and frees the reservation. */
  async settle(call: SettleCall): Promise<void> {
    await this.runSettle(call, 'outbox', [])
  }

  /** As `settle`, for a claim that Postgres has committed: frees, and takes over the committed sums. */
  async settleCommitted(call: SettleCall, sums: readonly BudgetSums[]): Promise<void> {
    const args = call.reservation.budgets.flatMap((budget) => {
      const sum = sums.find((candidate) => candidate.budget === budget)
      return sum ? [nanoCeil(sum.spentPico), Number(sum.version)] : [0, -1]
    })
    await this.runSettle(call, 'direct', args)
  }

  private async runSettle(call: SettleCall, mode: 'outbox' | 'direct', sums: number[]): Promise<void> {
    const { reservation } = call
    const tag = bucketTag(reservation.bucket)
    const { rid, budgetKeys } = reservation
    const keys = [`${tag}:rsv:${rid}`, `${tag}:done:${rid}`, `${tag}:lease`, `${tag}:un`, `${tag}:out`, `${tag}:hold`, ...budgetKeys]
    await this.scripts.settle.run(this.redis.settlement, keys, [rid, call.rank, call.amountNano, call.tokens, call.claim, mode, budgetKeys.length, ...sums])
  }

  async loadBudget(redisKey: string, sums: { spentPico: bigint; version: bigint }, endsAtMs: number): Promise<void> {
    await this.scripts.load.run(this.redis.admission, [redisKey], [nanoCeil(sums.spentPico), Number(sums.version), endsAtMs + BUDGET_AFTERLIFE_MS])
  }

  /** Answers one word per call, in order: OK, SWEPT, DONE or REVOKED. All calls must be of one bucket. */
  async checkpoint(bucket: number, leaseMs: number, gatewayId: string, calls: readonly CheckpointCall[]): Promise<string[]> {
    const tag = bucketTag(bucket)
    const body = calls.map(({ reservation, progressNano, draft }) => ({
      rid: reservation.rid,
      key: reservation.keyId,
      at: reservation.admittedAtMs,
      est: reservation.estimateNano,
      lim: reservation.limiterKeys,
      bud: reservation.budgetKeys,
      prog: Math.min(progressNano, reservation.estimateNano),
      draft,
      gw: gatewayId,
    }))
    return (await this.scripts.checkpoint.run(this.redis.settlement, [`${tag}:lease`], [tag, leaseMs, JSON.stringify(body)])) as string[]
  }

  /**
   * Marks a bucket as known. After Redis lost everything, hard-capped admissions wait `graceMs`, so that live gateways
   * can register what is running before anybody spends (metering.md, Load). The first to mark sets the time.
   * @returns milliseconds of grace that are left
   */
  async markBorn(bucket: number, graceMs: number): Promise<number> {
    const [seconds, micros] = (await this.redis.admission.time()) as unknown as [string, string]
    const nowMs = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
    const key = `${bucketTag(bucket)}:born`
    await this.redis.admission.set(key, String(nowMs + graceMs), 'NX')
    return Math.max(0, Number(await this.redis.admission.get(key)) - nowMs)
  }

  /** The next admission of this key is refused, on every gateway. */
  async revokeKey(bucket: number, keyId: string): Promise<void> {
    await this.redis.admission.set(`${bucketTag(bucket)}:rev:${keyId}`, '1', 'EX', REVOKED_TTL_SECONDS)
  }

  /** The next admission of this tenant re-reads the caller's record, on every gateway. */
  async raiseEpoch(bucket: number, tenantId: string, epoch: number): Promise<void> {
    await this.redis.admission.set(`${bucketTag(bucket)}:epoch:${tenantId}`, String(epoch), 'EX', REVOKED_TTL_SECONDS)
  }

  /**
   * Which of these claims (request ids of one bucket) the worker has confirmed at rank 1, is still to confirm, or Redis
   * has lost. What is listed as unconfirmed needs no second look; what is not is confirmed only where its `done` says
   * so: after a wipe, or a failover that lost the last writes, nothing is listed and nothing was confirmed.
   */
  async claimStates(bucket: number, rids: readonly string[]): Promise<ClaimState[]> {
    const tag = bucketTag(bucket)
    const unconfirmed = await this.redis.settlement.hmget(`${tag}:un`, ...rids)
    const isPending = (at: number) => unconfirmed[at]?.startsWith('1:') ?? false
    const found = await this.lookUpClaims(tag, rids.filter((_, at) => !isPending(at)))
    return rids.map((_, at) => (isPending(at) ? 'pending' : found.shift()!))
  }

  private async lookUpClaims(tag: string, rids: readonly string[]): Promise<ClaimState[]> {
    const pipeline = this.redis.settlement.pipeline()
    for (const rid of rids) pipeline.hmget(`${tag}:done:${rid}`, 'rank', 'crank')
    const replies = (await pipeline.exec()) ?? []
    return replies.map(([error, value]) => {
      if (error) throw error
      const [rank, confirmed] = value as (string | null)[]
      if (confirmed === '1') return 'confirmed'
      return rank === '1' ? 'pending' : 'lost'
    })
  }
}
