import { addUsage, estimatedUsage, MOST_CHARGE_PICO, type Caller, type ChatRequest, type Pico, type Usage } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import { costOf, countWords, lowEstimatePromptTokens, type Price } from '@tollgate/pricing'
import { chargeColumns, type DraftClaim, type UsageClaim } from '@tollgate/usage'
import type { AttemptOutcome } from '@tollgate/providers'
import type { Selection } from './access.service'
import type { PricedCandidate } from './plan'

type ProviderAttempt = UsageClaim['provider_attempts'][number]

/** Flag of a call that would have been charged more than a ledger row holds. */
export const CHARGE_CAPPED = 'charge_capped'

/** What a call is, from admission to settlement: enough to write its claim at any moment. */
export class RunningCall {
  readonly attempts: ProviderAttempt[] = []
  target: PricedCandidate | null = null
  /** Events and, for whole answers, words that reached the client: a lower bound of what was produced. */
  deliveredTokens = 0
  warnings: readonly string[] = []
  /** Milliseconds the attempt that serves, and those that gave other choices of the answer, held their host: what a price per GPU-second is charged for. */
  gpuMs = 0
  /** The same of the running or last attempt alone. */
  attemptMs = 0
  private attemptSpan = { startedAtMs: 0, mostMs: 0 }
  /** Tells what the running attempt has cost by now; null while none runs. */
  private costSoFar: (() => Pico | null) | null = null
  private deliveredBefore = 0
  /** Under which the running attempt's provider can be asked what it cost, while it has not said so itself. */
  private generation: string | undefined
  /** What attempts used that gave their share of the choices already. */
  private used: { readonly usage: Usage; readonly gpuMs: number } | null = null

  constructor(
    readonly rid: string,
    readonly caller: Caller,
    readonly request: ChatRequest,
    readonly selection: Selection,
    readonly surface: string,
    readonly startedAtMonotonicMs: number,
    /** The request of the client that this call is one of several for; null = it is the whole request. */
    private readonly parentRid: string | null = null,
  ) {}

  /** An attempt begins; it may hold its host for `mostMs`, which the reservation covers. `costSoFar` reads `attemptMs`. */
  beginAttempt(target: PricedCandidate, startedAtMs: number, mostMs: number, costSoFar: () => Pico | null): void {
    this.target = target
    this.costSoFar = costSoFar
    this.generation = undefined
    this.attemptMs = 0
    this.gpuMs = this.used?.gpuMs ?? 0
    this.deliveredBefore = this.deliveredTokens
    this.attemptSpan = { startedAtMs, mostMs }
  }

  /** The provider names the attempt, so that its cost can be asked for later. */
  noteGeneration(name: string): void {
    this.generation = name
  }

  /** The attempt that ran has ended so, at this cost. `isTold`: by its provider, so it need not be asked. */
  endAttempt(outcome: string, costPico: Pico | null, isTold: boolean): void {
    this.costSoFar = null
    if (isTold) this.generation = undefined
    this.attempts.push(this.attemptOf(outcome, costPico))
  }

  /** The attempt gave some of the choices; others follow. */
  endShare(usage: Usage): void {
    this.used = { usage: this.used ? addUsage(this.used.usage, usage) : usage, gpuMs: this.gpuMs }
    this.deliveredBefore = this.deliveredTokens
    this.attemptSpan = { startedAtMs: 0, mostMs: 0 }
  }

  /** What was gathered will not reach the client after all. */
  forgetDelivered(): void {
    this.deliveredTokens = 0
    this.deliveredBefore = 0
    this.used = null
  }

  /** As `deliveredTokens`, of the running or last attempt alone. */
  get deliveredInAttempt(): number {
    return this.deliveredTokens - this.deliveredBefore
  }

  /** Reads how long the attempt has taken, in whole ms within its limit (monotonic clock). */
  noteTime(nowMonotonicMs: number): number {
    const { startedAtMs, mostMs } = this.attemptSpan
    this.attemptMs = Math.min(mostMs, Math.max(0, Math.round(nowMonotonicMs - startedAtMs)))
    this.gpuMs = (this.used?.gpuMs ?? 0) + this.attemptMs
    return this.attemptMs
  }

  /** Notes text on its way to the client. A streamed event counts one token; a whole answer its words. */
  noteDelivered(text: string): void {
    this.deliveredTokens += this.request.stream ? 1 : countWords(text)
  }

  /** Usage so far by our own low count: what a call is billed when its provider never gives one. */
  usageSoFar(): Usage {
    const delivered = this.deliveredInAttempt
    return this.usageWith(estimatedUsage(delivered > 0 ? lowEstimatePromptTokens(this.request.messages) : 0, delivered))!
  }

  /** Usage with what the last attempt used; null when that is not known. */
  usageWith(now: Usage | null): Usage | null {
    return this.used && now ? addUsage(this.used.usage, now) : now
  }

  /** The draft of this call before anything is known: claimed only if the gateway dies right after admission. */
  draft(budgets: readonly string[]): string {
    const { caller, selection, request } = this
    const draft: DraftClaim = {
      tenant_id: caller.tenant.id,
      rid: this.rid,
      budgets,
      project_id: selection.project?.id ?? null,
      key_id: caller.key.id,
      surface: this.surface,
      requested_model: selection.requestedModel.slice(0, 200),
      model: selection.model.name,
      is_stream: request.stream,
      ...this.parent(),
    }
    return JSON.stringify(draft)
  }

  /** The claim as of now, at rank 0: what the sweep bills if this gateway dies. */
  progress(reservation: Reservation, nowMonotonicMs: number): { claim: UsageClaim; amountPico: bigint } {
    this.noteTime(nowMonotonicMs)
    const claim = this.claim({ budgets: reservation.budgets, admittedAtMs: reservation.admittedAtMs, rank: 0, status: 'swept', usage: this.usageSoFar(), isCharged: true, outcome: null, errorCode: null, durationMs: Math.round(nowMonotonicMs - this.startedAtMonotonicMs) })
    return { claim, amountPico: BigInt(claim.amount_pico) }
  }

  /** Writes a claim in the columns of table usage. Amounts are exact; the price is the one of the target that served. */
  claim(end: ClaimEnd): UsageClaim {
    const { caller, selection, request, target } = this
    const price = target?.price ?? null
    const costPico = price && end.isCharged ? costOf(end.usage, price, this.gpuMs) : 0n
    // An upstream counted more than was let in. What was answered is booked all the same, within what a row holds.
    const isCapped = costPico > MOST_CHARGE_PICO
    const startedAt = new Date(end.admittedAtMs).toISOString()
    // One that still runs dies with its gateway (rank 0) or by a fault of ours: it was paid for all the same.
    const attempts = this.costSoFar ? [...this.attempts, this.attemptOf(end.rank === 0 ? 'swept' : 'fault', this.costSoFar())] : this.attempts
    return {
      tenant_id: caller.tenant.id,
      day: startedAt.slice(0, 10),
      rid: this.rid,
      rank: end.rank,
      budgets: end.budgets,
      project_id: selection.project?.id ?? null,
      key_id: caller.key.id,
      surface: this.surface,
      requested_model: selection.requestedModel.slice(0, 200),
      model: target?.candidate.model ?? selection.model.name,
      provider: target?.candidate.provider ?? '',
      region: target?.candidate.region ?? '',
      host: target?.candidate.hostName ?? '',
      model_digest: target?.candidate.digest ?? null,
      allowed_regions: selection.allowedRegions,
      status: end.status,
      error_code: end.errorCode,
      finish_reason: end.outcome?.finishReason ?? null,
      is_stream: request.stream,
      ...chargeColumns(end.usage, isCapped ? MOST_CHARGE_PICO : costPico),
      raw_usage: end.outcome?.rawUsage ?? null,
      flags: [...(end.outcome?.flags ?? []), ...(isCapped ? [CHARGE_CAPPED] : [])],
      price_id: priceId(price),
      duration_ms: end.durationMs,
      first_event_ms: end.outcome?.firstEventMs == null ? null : Math.round(end.outcome.firstEventMs),
      attempts: attempts.length,
      started_at: startedAt,
      provider_attempts: attempts,
      ...this.parent(),
    }
  }

  /** Most calls have none, and then their claims say nothing of it. */
  private parent(): Pick<UsageClaim, 'parent_rid'> {
    return this.parentRid === null ? {} : { parent_rid: this.parentRid }
  }

  private attemptOf(outcome: string, costPico: Pico | null): ProviderAttempt {
    const { hostName: host, provider, region, upstreamModel: model } = this.target!.candidate
    return { attempt: this.attempts.length + 1, host, provider, region, model, outcome, duration_ms: this.attemptMs, cost_pico: costPico?.toString() ?? null, ...(this.generation === undefined ? {} : { generation: this.generation }) }
  }
}

/** How a claim ends. `isCharged` false keeps the tokens exact and the amount zero (charge policy, routing.md). */
export interface ClaimEnd {
  readonly budgets: readonly string[]
  readonly admittedAtMs: number
  readonly rank: 0 | 1
  readonly status: UsageClaim['status']
  readonly usage: Usage
  readonly isCharged: boolean
  readonly outcome: AttemptOutcome | null
  readonly errorCode: string | null
  readonly durationMs: number
}

function priceId(price: Price | null): string | null {
  return price && price.id !== '' ? price.id : null
}
