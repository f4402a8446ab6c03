import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import { bucketTag, nanoCeil } from '@tollgate/kernel'
import { LuaScript, RedisClients } from '@tollgate/platform/redis'
import { parseAnswer, type AdmissionAnswer } from './domain/admission'
import type { BudgetSums, Reservation } from './domain/reservation'
import type { CallScopes } from './domain/scopes'

const script = (name: string) => LuaScript.load(join(__dirname, 'lua', `${name}.lua`))
const REVOKED_TTL_SECONDS = 86_400
const BEAT_TTL_MS = 60_000
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
  /** Gateway id and a number of its own: tells this admission, sent again, from another one for the same request id. */
  readonly asker: string
  /** Asked only: nothing is reserved or counted. */
  readonly isDry?: boolean
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
  private readonly scripts = { admit: script('admit'), settle: script('settle'), load: script('load'), checkpoint: script('checkpoint'), states: script('states') }

  private readonly shares = new WeakMap<CallScopes, ScopeShare>()

  constructor(private readonly redis: RedisClients) {}

  async admit(call: AdmissionCall, scopes: CallScopes): Promise<AdmissionAnswer> {
    const tag = bucketTag(call.bucket)
    let share = this.shares.get(scopes)
    if (!share) this.shares.set(scopes, (share = shareOf(scopes)))
    const keys = [`${tag}:rsv:${call.rid}`, `${tag}:done:${call.rid}`, `${tag}:lease`, `${tag}:born`, `${tag}:rev:${call.keyId}`, `${tag}:epoch:${call.tenantId}`, ...share.keys]
    const args = [call.rid, call.estimateNano, call.estimateTokens, call.leaseMs, call.authEpoch, call.draft, call.asker, ...share.args, ...(call.isDry ? ['dry'] : [])]
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

  /** A sign of life of a gateway; it fades after a minute. */
  async beat(gatewayId: string): Promise<void> {
    await this.redis.settlement.set(`gw:${gatewayId}`, '1', 'PX', BEAT_TTL_MS)
  }

  async loadBudget(redisKey: string, sums: { spentPico: bigint; version: bigint }, endsAtMs: number): Promise<void> {
    await this.scripts.load.run(this.redis.admission, [redisKey], [nanoCeil(sums.spentPico), Number(sums.version), endsAtMs + BUDGET_AFTERLIFE_MS])
  }

  /** What calls hold of a budget beyond what is confirmed: reserved, or settled and not yet committed, nano. */
  async heldOf(redisKey: string): Promise<number> {
    const [unconfirmed, reserved] = await this.redis.admission.hmget(redisKey, 'unconf', 'resv')
    return Number(unconfirmed ?? 0) + Number(reserved ?? 0)
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

  /** Where each of these claims (request ids of one bucket) stands: confirmed at rank 1, still to confirm, or lost. */
  async claimStates(bucket: number, rids: readonly string[]): Promise<ClaimState[]> {
    const tag = bucketTag(bucket)
    const letters = (await this.scripts.states.run(this.redis.settlement, [`${tag}:un`], [`${tag}:done:`, ...rids])) as string
    return Array.from(letters, (letter) => (letter === 'c' ? 'confirmed' : letter === 'p' ? 'pending' : 'lost'))
  }
}

/** What the scopes add to the keys and arguments of `admit`, the same for every call they hold for. */
interface ScopeShare {
  readonly keys: readonly string[]
  readonly args: readonly (string | number)[]
}

function shareOf({ limiters, budgets }: CallScopes): ScopeShare {
  return {
    keys: [...limiters, ...budgets].map(({ redisKey }) => redisKey),
    args: [
      limiters.length,
      budgets.length,
      ...limiters.flatMap((limiter) => [limiter.requestsPerMinute ?? 0, limiter.tokensPerMinute ?? 0, limiter.maxParallel ?? 0]),
      ...budgets.flatMap(({ maxPico, period }) => [maxPico === null ? -1 : Number(maxPico / 1000n), period.startsAtMs, period.endsAtMs, 1]),
    ],
  }
}
