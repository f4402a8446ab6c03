import { estimatedUsage, type Caller, type ChatRequest, type Usage } from '@tollgate/kernel'
import { utcDay, type Reservation } from '@tollgate/limits'
import { costOf, countWords, lowEstimatePromptTokens, type Price } from '@tollgate/pricing'
import { chargeColumns, type ProviderAttempt, type UsageClaim } from '@tollgate/usage'
import type { AttemptOutcome } from '@tollgate/providers'
import type { Selection } from './access.service'
import type { PricedCandidate } from './plan'

/** What a call is, from admission to settlement: enough to write its claim at any moment. */
export class RunningCall {
  readonly attempts: ProviderAttempt[] = []
  target: PricedCandidate | null = null
  /** Events and, for whole answers, words that reached the client: a lower bound of what was produced. */
  deliveredTokens = 0
  warnings: readonly string[] = []

  constructor(
    readonly rid: string,
    readonly caller: Caller,
    readonly request: ChatRequest,
    readonly selection: Selection,
    readonly surface: string,
    readonly startedAtMonotonicMs: number,
  ) {}

  /** Notes text on its way to the client. A streamed event counts one token; a whole answer its words. */
  noteDelivered(text: string): void {
    this.deliveredTokens += this.request.stream ? 1 : countWords(text)
  }

  /** Usage so far by our own low count: what a call is billed when its provider never gives one. */
  usageSoFar(): Usage {
    return estimatedUsage(this.deliveredTokens > 0 ? lowEstimatePromptTokens(this.request.messages) : 0, this.deliveredTokens)
  }

  /** The draft of this call before anything is known: claimed only if the gateway dies right after admission. */
  draft(budgets: readonly string[], nowMs: number): string {
    return JSON.stringify(this.claim({ budgets, admittedAtMs: nowMs, rank: 0, status: 'swept', usage: estimatedUsage(0, 0), isCharged: false, outcome: null, errorCode: null, durationMs: 0 }))
  }

  /** The claim as of now, at rank 0: what the sweep bills if this gateway dies. */
  progress(reservation: Reservation, nowMonotonicMs: number): { claim: UsageClaim; amountPico: bigint } {
    const claim = this.claim({ budgets: reservation.budgets, admittedAtMs: reservation.admittedAtMs, rank: 0, status: 'swept', usage: this.usageSoFar(), isCharged: true, outcome: null, errorCode: null, durationMs: Math.round(nowMonotonicMs - this.startedAtMonotonicMs) })
    return { claim, amountPico: BigInt(claim.amount_pico) }
  }

  /** Writes a claim in the columns of table usage. Amounts are exact; the price is the one of the target that served. */
  claim(end: ClaimEnd): UsageClaim {
    const { caller, selection, request, target } = this
    const price = target?.price ?? null
    return {
      tenant_id: caller.tenant.id,
      day: utcDay(end.admittedAtMs),
      rid: this.rid,
      rank: end.rank,
      budgets: end.budgets,
      project_id: selection.project?.id ?? null,
      key_id: caller.key.id,
      surface: this.surface,
      requested_model: selection.requestedModel.slice(0, 200),
      model: selection.model.name,
      provider: target?.candidate.provider ?? '',
      region: target?.candidate.region ?? '',
      host: target?.candidate.hostName ?? '',
      status: end.status,
      error_code: end.errorCode,
      finish_reason: end.outcome?.finishReason ?? null,
      is_stream: request.stream,
      ...chargeColumns(end.usage, price && end.isCharged ? costOf(end.usage, price) : 0n),
      raw_usage: end.outcome?.rawUsage ?? null,
      flags: end.outcome?.flags ?? [],
      price_id: priceId(price),
      duration_ms: end.durationMs,
      first_event_ms: end.outcome?.firstEventMs == null ? null : Math.round(end.outcome.firstEventMs),
      attempts: this.attempts.length,
      started_at: new Date(end.admittedAtMs).toISOString(),
      provider_attempts: this.attempts,
    }
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
