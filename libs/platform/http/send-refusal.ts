import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuse, RefusalError } from '@tollgate/kernel'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { errorBody, errorHeaders, errorSurface } from './error-body'

/** A Fastify request as the house sees it: `id` is the request id of reply, log and ledger. */
export type HttpRequest = FastifyRequest & { bodyBytes?: number }
export type HttpReply = FastifyReply

/** Any error as the refusal the client gets. What is not expected is logged with its stack and shown as `internal_error`. */
export function toRefusal(error: unknown, request: HttpRequest, logger: ProcessLogger): RefusalError {
  if (error instanceof RefusalError) return error
  const { code, statusCode, getStatus } = error as { code?: string; statusCode?: number; getStatus?: () => number }
  const status = statusCode ?? getStatus?.call(error)
  // Nest may have wrapped Fastify's error, and then only the status tells.
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE' || status === 413) return new RefusalError(refuse('body_too_large', { limit: request.routeOptions?.bodyLimit ?? 0 }))
  if (status === 404) return new RefusalError(refuse('not_found'))
  if (status === 405) return new RefusalError(refuse('method_not_allowed'))
  if (status === 429) return new RefusalError(refuse('too_many_failed_logins', {}, { retryAfterSeconds: 60 }))
  if (status !== undefined && status >= 400 && status < 500) return new RefusalError(refuse('invalid_request', { reason: 'the request could not be read.' }))
  logger.error({ request_id: request.id, route: request.routeOptions?.url, error }, 'unexpected error')
  return new RefusalError(refuse('internal_error'))
}

/** Sends a refusal in the form of the request's surface. */
export function sendRefusal(request: HttpRequest, reply: HttpReply, { refusal }: RefusalError): void {
  const surface = errorSurface(request.url)
  void reply
    .code(refusal.status)
    .headers({ ...errorHeaders(refusal, surface, request.id), 'content-type': surface === 'problem' ? 'application/problem+json' : 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    .send(JSON.stringify(errorBody(refusal, surface, request.id)))
}
