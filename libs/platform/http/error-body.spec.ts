import { ERRORS, refuse, type ErrorCode } from '@tollgate/kernel'
import { errorBody, errorHeaders, errorSurface } from './error-body'

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error', 401: 'authentication_error', 402: 'billing_error', 403: 'permission_error', 404: 'not_found_error', 409: 'conflict_error', 413: 'request_too_large',
  429: 'rate_limit_error', 500: 'api_error', 502: 'api_error', 503: 'overloaded_error', 504: 'timeout_error',
}

describe('the form of an error', () => {
  it.each([
    ['/v1/messages', 'anthropic'],
    ['/v1/messages?beta=true', 'anthropic'],
    ['/v1/messages/count_tokens', 'anthropic'],
    ['/v1/messagesque', 'openai'],
    ['/v1/chat/completions', 'openai'],
    ['/chat/completions', 'openai-detail'],
    ['/api/chat', 'plain'],
    ['/admin/tenants', 'problem'],
  ])('of %s is %s', (path, surface) => expect(errorSurface(path)).toBe(surface))

  it.each(Object.keys(ERRORS) as ErrorCode[])('%s has Anthropic’s word for its status, whatever its details are called', (code) => {
    const refusal = refuse(code, {}, { details: { type: 'x', message: 'y', available_models: ['m'] }, retryAfterSeconds: 7 })
    const expected = TYPES[refusal.status] ?? 'invalid_request_error'
    expect(errorBody(refusal, 'anthropic', 'r')).toEqual({ type: 'error', error: { type: expected, message: refusal.message, code, available_models: ['m'], retry_after: 7 }, request_id: 'r' })
  })

  it('names the request as its client reads it', () => {
    expect(errorHeaders(refuse('not_found'), 'anthropic', 'r')).toEqual({ 'request-id': 'r' })
    expect(errorHeaders(refuse('not_found'), 'openai', 'r')).toEqual({})
  })
})
