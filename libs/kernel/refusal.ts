import { ERRORS, type ErrorCode } from './errors'

/** An expected "no": a value, not an exception. `details` are public, additional fields of the error body. */
export interface Refusal {
  readonly code: ErrorCode
  readonly status: number
  /** The public sentence. Never holds secrets, prompts, addresses or an upstream's own words. */
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
  /** Whole seconds for `Retry-After`, at most a minute; undefined = no promise. */
  readonly retryAfterSeconds?: number
  /** False tells official SDKs not to retry (`x-should-retry: false`). */
  readonly shouldRetry?: boolean
}

/** Official SDKs hold their caller for as long as they are told up to this, and choose for themselves beyond it. */
const LONGEST_RETRY_AFTER_SECONDS = 60

/**
 * Builds a refusal from the catalogue; `words` fill the `{name}` places of its sentence. What takes longer than a minute is
 * told as a minute that is not worth waiting for.
 */
export function refuse(
  code: ErrorCode,
  words: Readonly<Record<string, string | number>> = {},
  rest: { details?: Record<string, unknown>; retryAfterSeconds?: number; shouldRetry?: boolean } = {},
): Refusal {
  const { status, sentence } = ERRORS[code]
  const message = sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(words[name] ?? whole))
  const { details = {}, retryAfterSeconds: seconds, shouldRetry } = rest
  const isLong = seconds !== undefined && seconds > LONGEST_RETRY_AFTER_SECONDS
  return { code, status, message, details, retryAfterSeconds: isLong ? LONGEST_RETRY_AFTER_SECONDS : seconds, shouldRetry: shouldRetry ?? (isLong ? false : undefined) }
}

/** Carries a refusal through code that can only throw (guards, pipes, parsers). The error filter renders it. */
export class RefusalError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message)
    this.name = 'RefusalError'
  }
}
