import type { AttemptFailure, FailureClass, UpstreamFault } from './adapter'
import type { ReplyError } from './reply'
import { retryAfterMs, type ResponseHeaders } from './retry-after'
import { scrub } from './scrub'
import { readUpstreamError, type UpstreamError } from './upstream-error'

/** What the classification must know of an attempt; secret and model only to take them out of texts. */
export interface FailureContext {
  /** The model in the caller's own words, for the public sentence; never the host's inner name. */
  readonly requestedModel: string | null
  readonly model: string
  readonly secret: string | null
}

/** Codes of a provider account that is out of money: waiting does not help, a person must act. */
const UNPAID = /^(?:insufficient_quota|credit_balance_exhausted|billing_hard_limit_reached|billing_not_active|insufficient_credits|enforced_spend_limit_reached)$/

/** Anthropic says it with a 400 that reads as if the caller were to pay. */
const UNPAID_400 = /credit balance is too low/i

/** Ollama answers 500 to these although the request is what is wrong. */
const CALLERS_500 = /^option "|invalid format|image input is not supported/

/** A model that cannot be loaded: this model on this host, nothing else (routing.md, circuit breaking). */
const LOAD_FAILURE = /llama-?server process has terminated|llama runner process has terminated|timed out waiting for (?:llama|server)|requires more system memory|failed to load model|out of memory/i

const MISSING_MODEL = /\bmodel\b|no endpoints found/i

/** OpenRouter's 400 for a model it does not have. */
const MISSING_MODEL_400 = /is not a valid model id/i

/** Classifies an answer with an HTTP error status (routing.md, retry and fallback). `body` is text as received. */
export function failureFromStatus(status: number, body: string, headers: ResponseHeaders, nowMs: number, context: FailureContext): AttemptFailure {
  const error = readUpstreamError(isMarkup(body, headers) ? null : body)
  return classify(status, error, retryAfterMs(headers, nowMs), `http ${status}`, context)
}

/** Classifies an error inside a 200 answer; with a status of its own it counts as that, else as a 500. */
export function failureFromReply({ status, body }: ReplyError, context: FailureContext): AttemptFailure {
  return classify(status ?? 500, readUpstreamError(body), null, status === null ? 'error in 200 answer' : `error ${status} in 200 answer`, context)
}

/** The request cannot be put in this dialect's words, or the upstream says it is wrong. */
export function callerFailure(reason: string, cause: string, context: FailureContext): AttemptFailure {
  return failure('caller', 'upstream_rejected', 'nobody', cause, { reason: scrub(reason, context) })
}

/** Something broke without an error status: sockets, deadlines, unreadable answers. */
export function failure(
  kind: FailureClass,
  code: AttemptFailure['code'],
  blames: AttemptFailure['blames'],
  cause: string,
  words: AttemptFailure['words'] = {},
): AttemptFailure {
  return { class: kind, code, words, retryAfterMs: null, blames, alarm: null, cause }
}

/** The host cannot be used until a person has put this right. */
export function misconfigured(alarm: UpstreamFault, cause: string, blames: AttemptFailure['blames'] = 'nobody'): AttemptFailure {
  return { ...failure('misconfigured', 'upstream_error', blames, cause), alarm }
}

/** The same failure after events were pushed: no retry any more, and nothing that asks the caller to change anything. */
export function afterFirstEvent(original: AttemptFailure): AttemptFailure {
  if (original.class === 'aborted') return original
  const isOurs = original.code === 'upstream_timeout' || original.code === 'stream_incomplete' || original.code === 'tool_choice_unmet'
  return { ...original, class: 'cut', code: isOurs ? original.code : 'upstream_error', words: {}, retryAfterMs: null }
}

function classify(status: number, error: UpstreamError, waitMs: number | null, cause: string, context: FailureContext): AttemptFailure {
  const { requestedModel } = context
  const words = { model: requestedModel ?? 'default' }
  if (error.context && status !== 401 && status !== 429) {
    const { limit, used } = error.context
    return failure('caller', 'context_length_exceeded', 'nobody', cause, { limit: limit ?? 'an unknown number of', used: used ?? 'more' })
  }
  if (status === 429 && error.codes.some((code) => UNPAID.test(code))) return misconfigured('account', `${cause} unpaid`)
  if (status === 429) return { ...failure('refused', 'model_not_available', 'nobody', cause, words), retryAfterMs: waitMs }
  if (status === 503 || status === 529 || status === 498) {
    return { ...failure('refused', 'model_not_available', 'host', cause, words), retryAfterMs: waitMs }
  }
  if (status >= 500) return classifyServerFault(status, error, cause, context)
  if (status === 403 && error.isModeration) return callerFailure('the content was refused by moderation', cause, context)
  if (status === 401 || status === 402 || status === 403) return misconfigured(status === 402 ? 'account' : 'credential', cause)
  if (status === 404) {
    return MISSING_MODEL.test(error.text) || error.codes.includes('model_not_found')
      ? failure('refused', 'model_not_available', 'deployment', `${cause} model missing`, words)
      : misconfigured('address', `${cause} wrong path`)
  }
  if (status === 405 || status === 407 || status === 415 || status === 421) return misconfigured('address', cause)
  if (status === 400 && UNPAID_400.test(error.text)) return misconfigured('account', `${cause} unpaid`)
  if (status === 400 && MISSING_MODEL_400.test(error.text)) return failure('refused', 'model_not_available', 'deployment', `${cause} model missing`, words)
  if (status === 408 || status === 409 || status === 425 || status === 499) return failure('ambiguous', 'upstream_timeout', 'host', cause)
  return callerFailure(error.text, cause, context)
}

function classifyServerFault(status: number, error: UpstreamError, cause: string, context: FailureContext): AttemptFailure {
  if (status === 501 || CALLERS_500.test(error.text)) return callerFailure(error.text, cause, context)
  if (LOAD_FAILURE.test(error.text)) {
    return failure('refused', 'model_not_available', 'deployment', `${cause} load failure`, { model: context.requestedModel ?? 'default' })
  }
  return failure('ambiguous', status === 504 ? 'upstream_timeout' : 'upstream_error', 'host', cause)
}

function isMarkup(body: string, headers: ResponseHeaders): boolean {
  return String(headers['content-type'] ?? '').includes('html') || /^\s*</.test(body)
}
