import type { Socket } from 'node:net'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { NestFactory } from '@nestjs/core'
import { refuse, RefusalError } from '@tollgate/kernel'
import type { Environment } from '@tollgate/platform/config'
import { systemIds } from '@tollgate/platform/clock'
import { processLogger, type ProcessLogger } from '@tollgate/platform/logging'
import { ErrorFilter } from './error.filter'
import { parseJsonBody } from './json-body'
import { errorBody } from './error-body'
import { sendRefusal, toRefusal, type HttpReply, type HttpRequest } from './send-refusal'

/** Limits of the HTTP edge (security.md). */
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const MAX_HEADER_BYTES = 16 * 1024
const MAX_REQUESTS_PER_SOCKET = 0
const IDLE_SWEEP_MS = 100

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
    frameworkErrors: (error: Error, request: unknown, reply: unknown) => refuseAddress(error, request as HttpRequest, reply as HttpReply, logger),
    clientErrorHandler: refuseBytes,
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
  const sockets = new Set<Socket>()
  fastify.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  // A connection whose last answer ends while the server closes would stay open for its keep-alive time, and one that
  // has asked nothing yet, for ever: Node does not count it as idle.
  fastify.addHook('preClose', (done) => {
    const sweep = setInterval(() => {
      fastify.server.closeIdleConnections()
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    }, IDLE_SWEEP_MS)
    fastify.server.once('close', () => clearInterval(sweep))
    sweep.unref()
    done()
  })
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
}

/** An address that cannot be decoded never reaches a route; it gets the same form of error all the same. */
function refuseAddress(error: Error, request: HttpRequest, reply: HttpReply, logger: ProcessLogger): void {
  void reply.header('x-request-id', request.id)
  sendRefusal(request, reply, toRefusal(error, request, logger))
}

/** Bytes that are no HTTP request (or one that smuggles another): one answer, and the connection ends. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) return void socket.destroy()
  const requestId = systemIds.uuid()
  const isTooLong = error.code === 'HPE_HEADER_OVERFLOW'
  const refusal = refuse('invalid_request', { reason: isTooLong ? `the headers are longer than ${MAX_HEADER_BYTES} bytes.` : 'the bytes sent are not a valid HTTP request.' })
  const status = isTooLong ? '431 Request Header Fields Too Large' : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request'
  const body = JSON.stringify(errorBody(refusal, 'plain', requestId))
  socket.end(`HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${requestId}\r\nconnection: close\r\n\r\n${body}`)
}
