import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { NestFactory } from '@nestjs/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuse, RefusalError } from '@tollgate/kernel'
import type { Environment } from '@tollgate/platform/config'
import { systemIds } from '@tollgate/platform/clock'
import { processLogger, type ProcessLogger } from '@tollgate/platform/logging'
import { ErrorFilter } from './error.filter'
import { errorBody, errorHeaders, errorSurface } from './error-body'
import { parseJsonBody } from './json-body'

/** A Fastify request as the house sees it: `id` is the request id of reply, log and ledger. */
export type HttpRequest = FastifyRequest & { bodyBytes?: number }
export type HttpReply = FastifyReply

/** Limits of the HTTP edge (security.md). */
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const MAX_HEADER_BYTES = 16 * 1024
const MAX_REQUESTS_PER_SOCKET = 0

/** How an HTTP app is made. */
export interface HttpAppOptions {
  readonly config: Environment
}

/** Builds a Nest app on Fastify with the house's edge: limits, request ids, one body parser, one error filter. Not listening yet. */
export async function createHttpApp(module: Parameters<typeof NestFactory.create>[0], options: HttpAppOptions): Promise<NestFastifyApplication> {
  const { config } = options
  const logger = processLogger(config.LOG_LEVEL)
  const adapter = new FastifyAdapter({
    logger: false,
    bodyLimit: config.TOLLGATE_BODY_LIMIT_BYTES,
    genReqId: () => systemIds.uuid(),
    requestIdHeader: false,
    trustProxy: (_address: string, hop: number) => hop < config.TOLLGATE_TRUST_PROXY_HOPS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 300 },
    return503OnClosing: false,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
  })
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { logger: logger.forNest(), bodyParser: false, abortOnError: false })
  app.useGlobalFilters(new ErrorFilter(logger))
  prepareFastify(adapter)
  return app
}

function prepareFastify(adapter: FastifyAdapter): void {
  const fastify = adapter.getInstance()
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const encoding = request.headers['content-encoding']
      if (encoding && encoding !== 'identity') throw new RefusalError(refuse('unsupported_encoding'))
      ;(request as HttpRequest).bodyBytes = body.length
      done(null, parseJsonBody(body))
    } catch (error) {
      done(error as Error, undefined)
    }
  })
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
}

/** Any error as the refusal the client gets. What is not expected is logged with its stack and shown as `internal_error`. */
export function toRefusal(error: unknown, request: HttpRequest, logger: ProcessLogger): RefusalError {
  if (error instanceof RefusalError) return error
  const { code, statusCode, getStatus } = error as { code?: string; statusCode?: number; getStatus?: () => number }
  const status = statusCode ?? getStatus?.call(error)
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new RefusalError(refuse('body_too_large', { limit: request.routeOptions?.bodyLimit ?? 0 }))
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
    .headers({ ...errorHeaders(refusal), 'content-type': surface === 'problem' ? 'application/problem+json' : 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    .send(JSON.stringify(errorBody(refusal, surface, request.id)))
}
