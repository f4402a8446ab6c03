import { ERRORS, type Refusal } from '@tollgate/kernel'

/** Which form an error takes; chosen by the path, because each client reads only its own (stack.md, error bodies). */
export type ErrorSurface = 'plain' | 'openai' | 'openai-detail' | 'anthropic' | 'problem'

/** The error form of a path. */
export function errorSurface(path: string): ErrorSurface {
  if (/^\/v1\/messages(?:[/?]|$)/.test(path)) return 'anthropic'
  if (path.startsWith('/v1/') || path === '/v1') return 'openai'
  if (path.startsWith('/chat/completions')) return 'openai-detail'
  if (path.startsWith('/admin') || path.startsWith('/auth')) return 'problem'
  return 'plain'
}

/** Body of a refusal on a surface. `details` are public fields of the catalogue's error, such as `available_models`. */
export function errorBody(refusal: Refusal, surface: ErrorSurface, requestId: string): Record<string, unknown> {
  const retry = refusal.retryAfterSeconds === undefined ? {} : { retry_after: refusal.retryAfterSeconds }
  if (surface === 'problem')
    return { type: `urn:tollgate:${refusal.code}`, title: refusal.code, status: refusal.status, code: refusal.code, detail: refusal.message, errors: [], request_id: requestId, ...refusal.details, ...retry }
  if (surface === 'plain') return { error: refusal.message, code: refusal.code, request_id: requestId, ...refusal.details, ...retry }
  if (surface === 'anthropic') return { type: 'error', error: { ...refusal.details, ...retry, code: refusal.code, type: anthropicType(refusal.status), message: anthropicSentence(refusal) }, request_id: requestId }
  // Details first: OpenAI's four fields are always there, whatever a detail is called.
  const error = { ...refusal.details, ...retry, message: refusal.message, type: ERRORS[refusal.code].type, param: paramOf(refusal), code: codeOf(refusal) }
  const shared = { ...refusal.details, request_id: requestId }
  return surface === 'openai-detail' ? { error, detail: refusal.message, ...shared } : { error, ...shared }
}

/** Headers that go with a refusal: when to come back, and whether to; and the request id by the name its clients read. */
export function errorHeaders(refusal: Refusal, surface: ErrorSurface, requestId: string): Record<string, string> {
  const headers: Record<string, string> = surface === 'anthropic' ? { 'request-id': requestId } : {}
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(refusal.retryAfterSeconds)
  if (refusal.shouldRetry !== undefined) headers['x-should-retry'] = String(refusal.shouldRetry)
  return headers
}

/** OpenAI's clients know `insufficient_quota`; the code of our catalogue stays in `rule` and the sentence. */
function codeOf(refusal: Refusal): string {
  if (refusal.code === 'budget_exceeded' || refusal.code === 'insufficient_credit') return 'insufficient_quota'
  return refusal.code
}

function paramOf(refusal: Refusal): string | null {
  if (refusal.code.startsWith('model_')) return 'model'
  return typeof refusal.details.param === 'string' ? refusal.details.param : null
}

/** Anthropic's word for a status; its clients choose by the status, and within a stream by this word. */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error', 402: 'billing_error', 403: 'permission_error', 404: 'not_found_error', 409: 'conflict_error', 413: 'request_too_large',
  429: 'rate_limit_error', 503: 'overloaded_error', 504: 'timeout_error',
}

/** Anthropic's agents look for these words to know that they must shorten what they send. */
function anthropicSentence({ code, message, details }: Refusal): string {
  const { context_length: limit, prompt_tokens: used } = details
  return code === 'context_length_exceeded' && typeof limit === 'number' && typeof used === 'number' ? `prompt is too long: ${used} tokens > ${limit} maximum` : message
}

function anthropicType(status: number): string {
  return ANTHROPIC_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
}
