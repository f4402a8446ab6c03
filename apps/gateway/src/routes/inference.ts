import { Inject, Injectable } from '@nestjs/common'
import { ToolsService, type ChatCall, type ChatReply, type ChatResult } from '@tollgate/chat'
import { refuse, type ChatRequest, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { errorBody, errorHeaders, errorSurface, SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { Metrics } from '@tollgate/platform/metrics'
import { LOGGER } from '@tollgate/platform/process'
import type { CallerRequest } from './caller-request'
import { KeyedCalls } from './keyed-calls'

export type { CallerRequest } from './caller-request'

/** How often a stream shows that it lives: proxies and clients give up on silence after thirty seconds or more. */
const PING_MS = 15_000

/** A reply that goes out as it comes. `ping` opens the stream when nothing was served yet, as while a model loads. */
export interface StreamedReply extends ChatReply {
  ping(): void
}

/** Another way through the corridor than a call by itself, such as a turn of a conversation. */
export type Walk = (call: ChatCall) => Promise<ChatResult>

/** Walks one inference call from HTTP through the corridor, and leaves one log line and its metrics behind. */
@Injectable()
export class InferenceDoor {
  constructor(
    private readonly tools: ToolsService,
    private readonly keyed: KeyedCalls,
    private readonly metrics: Metrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /**
   * Serves a request into a reply. The surface writes the terminal event after this resolves. The Nest reply must be
   * hijacked already: from here on bytes are the surface's own (performance.md, decision 1).
   */
  async serve(http: CallerRequest, reply: HttpReply, surface: string, request: ChatRequest, sink: ChatReply | StreamedReply, walk: Walk = (call) => this.tools.serve(call)): Promise<ChatResult> {
    const startedAtMs = this.clock.monotonicMs()
    const stop = new AbortController()
    const onClose = () => stop.abort()
    reply.raw.once('close', onClose)
    const pings = 'ping' in sink ? setInterval(() => sink.ping(), PING_MS).unref() : undefined
    // A client that left before we listened tells us nothing any more: its call would wait for a drain that never comes.
    if (reply.raw.destroyed) stop.abort()
    try {
      const begin = () => walk({ rid: http.id, surface, caller: http.caller, request, reply: sink, stop })
      const result = await (http.headers['idempotency-key'] === undefined ? begin() : this.keyed.serve(http, !request.stream, begin))
      this.report(http, surface, result, this.clock.monotonicMs() - startedAtMs)
      return result
    } catch (error) {
      this.logger.error({ request_id: http.id, surface, error }, 'call failed')
      return { kind: reply.raw.headersSent ? 'broken' : 'refused', refusal: refuse('internal_error') }
    } finally {
      clearInterval(pings)
      reply.raw.off('close', onClose)
    }
  }

  private report(http: CallerRequest, surface: string, result: ChatResult, durationMs: number): void {
    const { tenant, key } = http.caller
    const line = { request_id: http.id, surface, tenant: tenant.slug, key_id: key.id, duration_ms: Math.round(durationMs) }
    if (result.kind === 'completed') {
      const { usage, served } = result
      this.metrics.call({ surface, outcome: 'completed', durationMs, firstEventMs: result.firstEventMs, promptTokens: usage.promptTokens, completionTokens: usage.completionTokens, costPico: result.costPico })
      this.logger.call({ outcome: 'completed', model: served.model, host: served.host, region: served.region, attempts: served.attempts, prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens, ...line })
      return
    }
    const code = result.kind === 'unrecorded' ? 'usage_unavailable' : result.refusal.code
    this.metrics.refusal(code)
    this.metrics.call({ surface, outcome: result.kind, durationMs, firstEventMs: null, promptTokens: 0, completionTokens: 0, costPico: 0n })
    this.logger.call({ outcome: result.kind, code, ...line })
  }
}

/** Writes a whole JSON reply on a hijacked response. */
export function writeJson(http: CallerRequest, reply: HttpReply, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body)
  const write = () => writeText(http, reply, status, text, headers)
  if (http.keepAnswer) void http.keepAnswer({ headers, text }).finally(write)
  else write()
}

function writeText(http: CallerRequest, reply: HttpReply, status: number, text: string, headers: Readonly<Record<string, string>>): void {
  if (reply.raw.destroyed) return
  reply.raw.writeHead(status, { 'x-request-id': http.id, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store', ...headers })
  reply.raw.end(text)
}

/** Writes the error of a call that sent nothing yet, in the form of its surface; or the answer that its key was given before. */
export function writeRefusal(http: CallerRequest, reply: HttpReply, result: Exclude<ChatResult, { kind: 'completed' }>): void {
  const { keptAnswer } = http
  if (keptAnswer) return writeText(http, reply, 200, keptAnswer.text, { ...keptAnswer.headers, 'idempotency-replayed': 'true' })
  const refusal = result.kind === 'unrecorded' ? refuse('usage_unavailable', {}, { retryAfterSeconds: 5 }) : result.refusal
  const surface = errorSurface(http.url)
  writeJson(http, reply, refusal.status, errorBody(refusal, surface, http.id), errorHeaders(refusal, surface, http.id))
}

/** Ends a stream that will not become whole: an error event and no terminal one; or a cut, when usage is not recorded. */
export function breakStream(http: HttpRequest, stream: SseStream, result: Exclude<ChatResult, { kind: 'completed' }>): void {
  if (result.kind === 'unrecorded') return stream.destroy()
  stream.send(errorBody(result.refusal, errorSurface(http.url), http.id))
  stream.end(false)
}
