import { decimalFromPico, refuse, type Refusal } from '@tollgate/kernel'

/** How a keyed call ended and what was billed for it: its final figures, or what the books say of one that died. */
export interface CallOutcome {
  readonly status: string
  readonly finishReason: string | null
  readonly promptTokens: number
  readonly completionTokens: number
  /** Pico, as text: it travels through JSON. */
  readonly costPico: string
  readonly currency: string
}

/** A whole answer as it went out: an HTTP 200 with these headers and this JSON. */
export interface KeptAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** How a call ended as it is kept: with its answer, sealed, where its tenant wants answers again. */
export interface KeptOutcome extends CallOutcome {
  /** Base64. */
  readonly answer?: string
}

/**
 * A call as the books have it: nothing can change it any more (`isFinal`), or it was swept after its gateway died, and a
 * gateway that only stalled may still settle it.
 */
export interface BookedCall extends CallOutcome {
  readonly isFinal: boolean
}

/** Ended for good and billed nothing: its key may be used for another try, since nothing can be billed for this one later. */
export function isUnbilled(booked: BookedCall): boolean {
  return booked.isFinal && booked.status !== 'completed' && BigInt(booked.costPico) === 0n
}

/** The answer to whoever repeats a call that is over. Its text was not kept; its bill was. */
export function alreadyCompleted(rid: string, outcome: CallOutcome): Refusal {
  const { promptTokens, completionTokens } = outcome
  const original = {
    request_id: rid,
    status: outcome.status === 'swept' ? 'aborted' : outcome.status,
    finish_reason: outcome.finishReason,
    usage: { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens },
    cost: decimalFromPico(BigInt(outcome.costPico)),
    currency: outcome.currency,
  }
  return refuse('already_completed', {}, { details: { original }, shouldRetry: false })
}
