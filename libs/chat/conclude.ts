import { estimatedUsage, refuse, type Refusal, type Usage } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import { costOf, lowEstimatePromptTokens } from '@tollgate/pricing'
import type { AttemptFailure, AttemptOutcome } from '@tollgate/providers'
import type { UsageClaim } from '@tollgate/usage'
import type { ChatResult, ServedBy } from './chat-result'
import type { StopReason } from './checkpoint.service'
import type { RunningCall } from './running-call'

/** What else decides how a call ended. */
export interface CallEnd {
  readonly durationMs: number
  readonly stopReason: StopReason | null
  readonly isClientGone: boolean
}

const RETRY_AFTER_SECONDS = 5

/**
 * From an outcome to the claim that is billed and the result the client gets. Pure. Charge policy (routing.md):
 * completed = the provider's count; left by the client = what was delivered; cut by the upstream = by the tier's
 * policy; failed before the first event = nothing.
 */
export function concludeCall(call: RunningCall, reservation: Reservation, attempted: { outcome: AttemptOutcome; served: ServedBy }, end: CallEnd): { claim: UsageClaim; result: ChatResult } {
  const { outcome, served } = attempted
  const base = { budgets: reservation.budgets, admittedAtMs: reservation.admittedAtMs, rank: 1, outcome, durationMs: end.durationMs } as const
  if (!outcome.failure) {
    const usage = outcome.usage ?? completedEstimate(call, outcome)
    const claim = call.claim({ ...base, status: 'completed', usage, isCharged: true, errorCode: null })
    const { price } = call.target!
    const costPico = costOf(usage, price)
    const warnings = served.isSandbox ? [...call.warnings, `${served.host} is a sandbox host: this text was not written by a model`] : call.warnings
    return { claim, result: { kind: 'completed', served, finishReason: outcome.finishReason!, usage, costPico, currency: call.caller.tenant.currency, durationMs: end.durationMs, firstEventMs: outcome.firstEventMs, warnings } }
  }
  const hasDelivered = call.deliveredTokens > 0
  const isLeft = end.isClientGone || end.stopReason !== null
  const isCharged = hasDelivered && (isLeft || call.selection.tier.cutStreamPolicy === 'delivered')
  const refusal = publicRefusal(call, outcome.failure, end)
  const claim = call.claim({ ...base, status: isLeft ? 'aborted' : 'failed', usage: call.usageSoFar(), isCharged, errorCode: end.isClientGone ? 'client_closed' : refusal.code })
  return { claim, result: { kind: hasDelivered ? 'broken' : 'refused', refusal } }
}

/** A whole answer without a usable count: each half the provider did give stands, the other is our low count. */
function completedEstimate(call: RunningCall, outcome: AttemptOutcome): Usage {
  const { promptTokens, completionTokens } = outcome.reported
  return estimatedUsage(promptTokens ?? lowEstimatePromptTokens(call.request.messages), completionTokens ?? call.deliveredTokens)
}

function publicRefusal(call: RunningCall, failure: AttemptFailure, end: CallEnd): Refusal {
  if (end.isClientGone) return refuse('client_closed')
  if (end.stopReason === 'revoked') return refuse('invalid_api_key')
  if (end.stopReason === 'shutdown') return refuse('shutting_down', {}, { retryAfterSeconds: 1 })
  if (end.stopReason === 'swept') return refuse('usage_unavailable', {}, { retryAfterSeconds: 1 })
  if (failure.class === 'not_dispatched' || failure.class === 'refused') {
    const retryAfterSeconds = failure.retryAfterMs === null ? RETRY_AFTER_SECONDS : Math.min(60, Math.max(1, Math.ceil(failure.retryAfterMs / 1000)))
    const isPointless = failure.retryAfterMs !== null && failure.retryAfterMs > 60_000
    return refuse('model_not_available', { model: call.selection.model.name }, { retryAfterSeconds, ...(isPointless ? { shouldRetry: false } : {}) })
  }
  return refuse(failure.code, failure.words)
}
