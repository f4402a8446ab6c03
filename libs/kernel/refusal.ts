import { ERRORS, type ErrorCode } from './errors'

/** An expected "no": a value, not an exception. `details` are public, additional fields of the error body. */
export interface Refusal {
  readonly code: ErrorCode
  readonly status: number
  /** The public sentence. Never holds secrets, prompts, addresses or an upstream's own words. */
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
  /** Whole seconds for `Retry-After`; undefined = no promise. */
  readonly retryAfterSeconds?: number
  /** False tells official SDKs not to retry (`x-should-retry: false`). */
  readonly shouldRetry?: boolean
}

/** Builds a refusal from the catalogue; `words` fill the `{name}` places of its sentence. */
export function refuse(
  code: ErrorCode,
  words: Readonly<Record<string, string | number>> = {},
  rest: { details?: Record<string, unknown>; retryAfterSeconds?: number; shouldRetry?: boolean } = {},
): Refusal {
  const { status, sentence } = ERRORS[code]
  const message = sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(words[name] ?? whole))
  return { code, status, message, details: rest.details ?? {}, retryAfterSeconds: rest.retryAfterSeconds, shouldRetry: rest.shouldRetry }
}

/** Carries a refusal through code that can only throw (guards, pipes, parsers). The error filter renders it. */
export class RefusalError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message)
    this.name = 'RefusalError'
  }
}
