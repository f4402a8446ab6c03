import { estimatedUsage, refuse, type Refusal, type Usage } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import { lowEstimatePromptTokens } from '@tollgate/pricing'
import type { AttemptFailure, AttemptOutcome } from '@tollgate/providers'
import type { UsageClaim } from '@tollgate/usage'
import type { ChatResult, ServedBy } from './chat-result'
import type { StopReason } from './checkpoint.service'
import { contextRefusal } from './fitness'
import type { RunningCall } from './running-call'

/** What else decides how a call ended. */
export interface CallEnd {
  readonly durationMs: number
  readonly stopReason: StopReason | null
  readonly isClientGone: boolean
}

const RETRY_AFTER_SECONDS = 5
const BUSY_RETRY_AFTER_SECONDS = 2

/**
 * From an outcome to the claim that is billed and the result the client gets. Pure. Charge policy (routing.md):
 * completed = the provider's count; left by the client = what was delivered; cut by the upstream = by the tier's
 * policy; streamed whole but without the tool call it owes = the provider's count; failed before the first event = nothing.
 */
export function concludeCall(call: RunningCall, reservation: Reservation, attempted: { outcome: AttemptOutcome; served: ServedBy }, end: CallEnd): { claim: UsageClaim; result: ChatResult } {
  const { outcome, served } = attempted
  const base = { budgets: reservation.budgets, admittedAtMs: reservation.admittedAtMs, rank: 1, outcome, durationMs: end.durationMs } as const
  if (!outcome.failure) {
    const usage = outcome.usage ?? completedEstimate(call, outcome)
    const claim = call.claim({ status: 'completed', usage, isCharged: true, errorCode: null, ...base })
    const told = served.model === call.selection.model.name ? call.warnings : [...call.warnings, `no host of ${call.selection.model.name} could answer: ${served.model} stands in`]
    const warnings = served.isSandbox ? [...told, `${served.host} is a sandbox host: this text was not written by a model`] : told
    return { claim, result: { kind: 'completed', served, finishReason: outcome.finishReason!, finishReasons: outcome.finishReasons, stopSequence: outcome.stopSequence, usage, costPico: BigInt(claim.amount_pico), currency: call.caller.tenant.currency, durationMs: end.durationMs, firstEventMs: outcome.firstEventMs, vectors: outcome.vectors, warnings } }
  }
  // Of an answer that is not streamed nothing has left the process yet, and nothing will.
  if (!call.request.stream) call.forgetDelivered()
  const hasDelivered = call.deliveredTokens > 0
  const isLeft = end.isClientGone || end.stopReason !== null
  // A streamed answer that only lacks the tool call is whole and was read: it would be a way to answers for nothing.
  const isWhole = outcome.failure.code === 'tool_choice_unmet'
  const isCharged = hasDelivered && (isLeft || isWhole || call.selection.tier.cutStreamPolicy === 'delivered')
  const refusal = publicRefusal(call, outcome.failure, end)
  const usage = (isWhole && hasDelivered ? call.usageWith(outcome.usage) : null) ?? call.usageSoFar()
  const claim = call.claim({ status: isLeft ? 'aborted' : 'failed', usage, isCharged, errorCode: end.isClientGone ? 'client_closed' : refusal.code, ...base })
  return { claim, result: { kind: hasDelivered ? 'broken' : 'refused', refusal } }
}

/** A whole answer without a usable count: each half the provider did give stands, the other is our low count. */
export function completedEstimate(call: RunningCall, outcome: AttemptOutcome): Usage {
  const { promptTokens, completionTokens } = outcome.reported
  return estimatedUsage(promptTokens ?? lowEstimatePromptTokens(call.request.messages), completionTokens ?? call.deliveredInAttempt)
}

function publicRefusal(call: RunningCall, failure: AttemptFailure, end: CallEnd): Refusal {
  if (end.isClientGone) return refuse('client_closed')
  if (end.stopReason === 'revoked') return refuse('invalid_api_key')
  if (end.stopReason === 'shutdown') return refuse('shutting_down', {}, { retryAfterSeconds: 1 })
  if (end.stopReason === 'swept') return refuse('usage_unavailable', {}, { retryAfterSeconds: 1 })
  if (failure.code === 'hosts_busy') return refuse('hosts_busy', failure.words, { retryAfterSeconds: Math.max(BUSY_RETRY_AFTER_SECONDS, Math.ceil((failure.retryAfterMs ?? 0) / 1000)) })
  if (failure.class === 'not_dispatched' || failure.class === 'refused') {
    const retryAfterSeconds = failure.retryAfterMs === null ? RETRY_AFTER_SECONDS : Math.max(1, Math.ceil(failure.retryAfterMs / 1000))
    return refuse('model_not_available', { model: call.selection.model.name }, { retryAfterSeconds })
  }
  if (failure.code === 'context_length_exceeded') {
    const { limit, used } = failure.words
    return contextRefusal(typeof limit === 'number' ? limit : call.selection.model.contextLength, typeof used === 'number' ? used : null)
  }
  // Only a person can mend a credential, an address or an unpaid account.
  return refuse(failure.code, failure.words, failure.class === 'misconfigured' ? { shouldRetry: false } : {})
}
