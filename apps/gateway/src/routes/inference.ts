import { Inject, Injectable } from '@nestjs/common'
import { ChatService, type ChatReply, type ChatResult } from '@tollgate/chat'
import { refuse, type ChatRequest, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { errorBody, errorHeaders, errorSurface, SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { Metrics } from '@tollgate/platform/metrics'
import { LOGGER } from '@tollgate/platform/process'
import type { GuardedRequest } from '@tollgate/tenants'

/** Fastify request after the guard. */
export type CallerRequest = HttpRequest & Required<Pick<GuardedRequest, 'caller'>>

/** Walks one inference call from HTTP through the corridor, and leaves one log line and its metrics behind. */
@Injectable()
export class InferenceDoor {
  constructor(
    private readonly chat: ChatService,
    private readonly metrics: Metrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /**
   * Serves a request into a reply. The surface writes the terminal event after this resolves. The Nest reply must be
   * hijacked already: from here on bytes are the surface's own (performance.md, decision 1).
   */
  async serve(http: CallerRequest, reply: HttpReply, surface: string, request: ChatRequest, sink: ChatReply): Promise<ChatResult> {
    const startedAtMs = this.clock.monotonicMs()
    const stop = new AbortController()
    const onClose = () => stop.abort()
    reply.raw.once('close', onClose)
    // A client that left before we listened tells us nothing any more: its call would wait for a drain that never comes.
    if (reply.raw.destroyed) stop.abort()
    try {
      const result = await this.chat.serve({ rid: http.id, surface, caller: http.caller, request, reply: sink, stop })
      this.report(http, surface, result, this.clock.monotonicMs() - startedAtMs)
      return result
    } catch (error) {
      this.logger.error({ request_id: http.id, surface, error }, 'call failed')
      return { kind: reply.raw.headersSent ? 'broken' : 'refused', refusal: refuse('internal_error') }
    } finally {
      reply.raw.off('close', onClose)
    }
  }

  private report(http: CallerRequest, surface: string, result: ChatResult, durationMs: number): void {
    const { tenant, key } = http.caller
    const line = { request_id: http.id, surface, tenant: tenant.slug, key_id: key.id, duration_ms: Math.round(durationMs) }
    if (result.kind === 'completed') {
      const { usage, served } = result
      this.metrics.call({ surface, outcome: 'completed', durationMs, firstEventMs: result.firstEventMs, promptTokens: usage.promptTokens, completionTokens: usage.completionTokens, costPico: result.costPico })
      this.logger.info({ ...line, outcome: 'completed', model: served.model, host: served.host, region: served.region, attempts: served.attempts, prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens }, 'call')
      return
    }
    const code = result.kind === 'unrecorded' ? 'usage_unavailable' : result.refusal.code
    this.metrics.refusal(code)
    this.metrics.call({ surface, outcome: result.kind, durationMs, firstEventMs: null, promptTokens: 0, completionTokens: 0, costPico: 0n })
    this.logger.info({ ...line, outcome: result.kind, code }, 'call')
  }
}

/** Writes a whole JSON reply on a hijacked response. */
export function writeJson(http: HttpRequest, reply: HttpReply, status: number, body: unknown, headers: Record<string, string> = {}): void {
  if (reply.raw.destroyed) return
  const text = JSON.stringify(body)
  reply.raw.writeHead(status, { ...headers, 'x-request-id': http.id, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store' })
  reply.raw.end(text)
}

/** Writes the error of a call that sent nothing yet, in the form of its surface. */
export function writeRefusal(http: HttpRequest, reply: HttpReply, result: Exclude<ChatResult, { kind: 'completed' }>): void {
  const refusal = result.kind === 'unrecorded' ? refuse('usage_unavailable', {}, { retryAfterSeconds: 5 }) : result.refusal
  writeJson(http, reply, refusal.status, errorBody(refusal, errorSurface(http.url), http.id), errorHeaders(refusal))
}

/** Ends a stream that will not become whole: an error event and no terminal one; or a cut, when usage is not recorded. */
export function breakStream(http: HttpRequest, stream: SseStream, result: Exclude<ChatResult, { kind: 'completed' }>): void {
  if (result.kind === 'unrecorded') return stream.destroy()
  stream.send(errorBody(result.refusal, errorSurface(http.url), http.id))
  stream.end(false)
}
