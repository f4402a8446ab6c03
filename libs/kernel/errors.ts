/**
 * The one error catalogue: code → HTTP status, OpenAI error type and public sentence. `{name}` places are filled by
 * `refuse`. README.md of this room repeats the table; a spec keeps both in step.
 */
export const ERRORS = {
  // the caller's credential
  invalid_api_key: { status: 401, type: 'invalid_request_error', sentence: 'Invalid API key. Send a valid key as "Authorization: Bearer tg_…" or "x-api-key".' },
  api_key_in_query: { status: 400, type: 'invalid_request_error', sentence: 'API keys are not accepted in the URL. Send the key as "Authorization: Bearer tg_…" and rotate this one.' },
  too_many_failed_logins: { status: 429, type: 'rate_limit_error', sentence: 'Too many failed authentication attempts from this address. Wait and try again.' },
  scope_not_allowed: { status: 403, type: 'invalid_request_error', sentence: 'This API key does not have the scope {scope}.' },
  customer_mismatch: { status: 403, type: 'invalid_request_error', sentence: 'customer_id does not match the tenant of this API key.' },
  address_not_allowed: { status: 403, type: 'invalid_request_error', sentence: 'This API key may not be used from this address.' },
  tenant_suspended: { status: 403, type: 'invalid_request_error', sentence: 'This account is suspended. Contact your operator.' },
  // the request itself
  invalid_json: { status: 400, type: 'invalid_request_error', sentence: 'The request body is not valid JSON: {reason}' },
  invalid_request: { status: 400, type: 'invalid_request_error', sentence: 'Invalid request: {reason}' },
  body_too_large: { status: 413, type: 'invalid_request_error', sentence: 'The request body is larger than the {limit} bytes allowed.' },
  unsupported_encoding: { status: 415, type: 'invalid_request_error', sentence: 'Compressed request bodies are not accepted. Send the body without Content-Encoding.' },
  not_found: { status: 404, type: 'invalid_request_error', sentence: 'Nothing is found at this address.' },
  method_not_allowed: { status: 405, type: 'invalid_request_error', sentence: 'This method is not allowed here.' },
  project_not_found: { status: 404, type: 'invalid_request_error', sentence: "Project '{project}' not found." },
  context_length_exceeded: { status: 400, type: 'invalid_request_error', sentence: "This model's maximum context length is {limit} tokens. However, your messages resulted in {used} tokens." },
  upstream_rejected: { status: 400, type: 'invalid_request_error', sentence: 'The provider rejected the request: {reason}' },
  // models
  model_not_found: { status: 404, type: 'invalid_request_error', sentence: "Model '{model}' not found. Use /models to see available models." },
  model_not_configured: { status: 400, type: 'invalid_request_error', sentence: 'Model {model} not configured' },
  model_not_allowed: { status: 403, type: 'invalid_request_error', sentence: 'Model {model} not available in {tier} tier' },
  model_not_allowed_for_key: { status: 403, type: 'invalid_request_error', sentence: 'Model {model} not available for this API key' },
  model_not_available: { status: 503, type: 'service_unavailable_error', sentence: 'Model {model} not available' },
  price_missing: { status: 503, type: 'service_unavailable_error', sentence: 'Model {model} has no price and is not marked free, so it cannot be served. Your operator must add a price.' },
  // limits and money
  rate_limit_exceeded: { status: 429, type: 'rate_limit_error', sentence: 'Rate limit reached: {limit} {unit} ({rule}). Used {used}, requested {requested}. Try again in {retry} s.' },
  concurrency_limit_exceeded: { status: 429, type: 'rate_limit_error', sentence: 'Too many requests in flight: {limit} at once ({rule}). Wait for one to finish.' },
  budget_exceeded: { status: 429, type: 'insufficient_quota', sentence: 'Budget reached: {limit} {currency} per {period} ({rule}). Used {used}, reserved {reserved}, this request may cost up to {requested}. It resets at {reset}.' },
  insufficient_credit: { status: 402, type: 'insufficient_quota', sentence: 'Prepaid credit is used up: {limit} {currency} granted, {used} used, {reserved} reserved. Add credit to go on.' },
  // upstream and infrastructure: never 401, 402 or 403
  upstream_error: { status: 502, type: 'server_error', sentence: 'The model host failed to answer.' },
  upstream_timeout: { status: 504, type: 'server_error', sentence: 'The model host did not answer in time.' },
  stream_incomplete: { status: 502, type: 'server_error', sentence: 'The model host stopped before the answer was complete.' },
  client_closed: { status: 499, type: 'invalid_request_error', sentence: 'The client closed the request.' },
  limits_unavailable: { status: 503, type: 'service_unavailable_error', sentence: 'Limits cannot be checked right now. Try again shortly.' },
  accounts_unavailable: { status: 503, type: 'service_unavailable_error', sentence: 'Accounts cannot be read right now. Try again shortly.' },
  usage_unavailable: { status: 503, type: 'service_unavailable_error', sentence: 'Usage cannot be recorded right now. Try again shortly.' },
  reports_unavailable: { status: 503, type: 'service_unavailable_error', sentence: 'Reports cannot be read right now. Try again shortly.' },
  shutting_down: { status: 503, type: 'service_unavailable_error', sentence: 'This server is shutting down. Try again shortly.' },
  internal_error: { status: 500, type: 'server_error', sentence: 'Something went wrong on our side. Quote the request id when you ask about it.' },
  // control plane
  invalid_credentials: { status: 401, type: 'invalid_request_error', sentence: 'E-mail or password is wrong.' },
  invalid_token: { status: 401, type: 'invalid_request_error', sentence: 'The access token is missing, expired or not valid. Log in again.' },
  permission_denied: { status: 403, type: 'invalid_request_error', sentence: 'Your role does not permit {permission}.' },
  object_not_found: { status: 404, type: 'invalid_request_error', sentence: '{object} {name} not found' },
  object_conflict: { status: 409, type: 'invalid_request_error', sentence: '{object} {name} already exists' },
  object_in_use: { status: 409, type: 'invalid_request_error', sentence: '{object} {name} is still in use: {reason}' },
  host_refused: { status: 400, type: 'invalid_request_error', sentence: 'Host {name} cannot be used: {reason}' },
} as const satisfies Record<string, { status: number; type: string; sentence: string }>

/** A code of the catalogue. */
export type ErrorCode = keyof typeof ERRORS
