import type { Clock, ReplySink } from '@tollgate/kernel'
import type { OutboundController, OutboundHandler, OutboundHost } from '@tollgate/platform/outbound'
import type { AttemptFailure, AttemptOutcome, UpstreamCall } from './domain/adapter'
import type { Dialect } from './domain/dialect'
import { isOfAnother } from './domain/echo'
import { afterFirstEvent, failure, failureFromReply, failureFromStatus, misconfigured, type FailureContext } from './domain/failure'
import type { FrameDecoder } from './domain/frame-decoder'
import { outcomeOf } from './domain/outcome'
import { Reply } from './domain/reply'
import type { ResponseHeaders } from './domain/retry-after'
import { toolRuleOf } from './domain/tool-rule'
import { upstreamHeaders } from './domain/upstream-headers'
import { isStaleConnection, transportFailure } from './transport-failure'
import { GRACE_MS, Watchdog, type Expiry } from './watchdog'

const GENERATION = /^[A-Za-z0-9_-]{1,200}$/
const MAX_WHOLE_BYTES = 32 * 1024 * 1024
const MAX_ERROR_BYTES = 64 * 1024

/**
 * One request to one upstream and its answer, as a transport handler: bytes → frames → events, with deadlines, abort
 * and back-pressure. It settles exactly once; whatever the transport says after that is ignored. Nothing is awaited
 * per chunk.
 */
export class Exchange implements OutboundHandler {
  private readonly reply: Reply
  private readonly watchdog: Watchdog
  private readonly context: FailureContext
  private readonly onAbort = () => this.fail(failure('aborted', 'client_closed', 'nobody', 'aborted'))
  private resolve: (outcome: AttemptOutcome) => void = () => {}
  private controller: OutboundController | null = null
  private decoder: FrameDecoder | null = null
  private chunks: Buffer[] = []
  private bytes = 0
  private status = 0
  private headers: ResponseHeaders = {}
  private nowMs = 0
  private firstEventMs: number | null = null
  private isReused = false
  private hasRedialled = false
  private isPaused = false
  private isSettled = false
  private isNamed = false
  private lingering: NodeJS.Timeout | null = null

  constructor(
    private readonly call: UpstreamCall,
    private readonly dialect: Dialect,
    private readonly host: OutboundHost,
    private readonly sink: ReplySink,
    private readonly clock: Clock,
  ) {
    const { target, request, maxTokens, requestId } = call
    this.context = { requestedModel: request.model, model: target.model, secret: target.secret }
    const startedMs = clock.monotonicMs()
    this.reply = new Reply(
      (event) => {
        if (this.firstEventMs === null) this.firstEventMs = this.clock.monotonicMs() - startedMs
        this.watchdog.event(this.nowMs)
        if (!this.sink.push(event) && !this.isPaused) this.pause()
      },
      { maxTokens, choices: dialect.choices, idPrefix: `${requestId.replaceAll('-', '').slice(-12)}_${call.firstChoice ? `${call.firstChoice}_` : ''}`, tools: toolRuleOf(request.parameters) },
    )
    this.watchdog = new Watchdog(call.deadlines, request.stream, clock, (what) => this.expire(what))
  }

  /** Sends the request. Resolves once, never rejects. */
  run(): Promise<AttemptOutcome> {
    const { signal } = this.call
    return new Promise((resolve) => {
      this.resolve = resolve
      if (signal.aborted) return this.onAbort()
      signal.addEventListener('abort', this.onAbort, { once: true })
      this.dispatch(false)
    })
  }

  private dispatch(isFresh: boolean): void {
    const headers = upstreamHeaders(this.call, this.dialect.streamType, this.dialect.headers)
    try {
      this.host.dispatch({ method: 'POST', path: this.dialect.path, headers, body: JSON.stringify(this.dialect.body), party: this.call.cacheSpace }, this, isFresh)
    } catch (error) {
      this.onResponseError(error as Error)
    }
  }

  onRequestStart(controller: OutboundController, isReused: boolean): void {
    this.controller = controller
    this.isReused = isReused
    if (this.isSettled) controller.abort(new Error('settled'))
    else this.watchdog.sent()
  }

  onResponseStart(status: number, headers: ResponseHeaders): void {
    if (this.isSettled) return
    this.status = status
    this.headers = headers
    if (status >= 300 && status < 400) return this.fail(misconfigured('address', `redirect ${status}`))
    if ((headers['content-encoding'] ?? 'identity') !== 'identity') return this.malformed('encoded body')
    if (status >= 400) return
    if (isOfAnother(this.host, this.call.requestId, headers['x-request-id'])) return this.malformed('answer to another request')
    if (this.dialect.generationHeader) this.noteGeneration(headers[this.dialect.generationHeader])
    const type = String(headers['content-type'] ?? 'none').split(';')[0]!.trim().toLowerCase()
    if (type === this.dialect.streamType) this.decoder = this.dialect.decoder((frame) => this.frame(frame))
    else if (type !== 'application/json') this.malformed(`content type ${type.slice(0, 60)}`)
  }

  /** By the header or, where a proxy let none through, by the answer's own id: it is the same name. */
  private noteGeneration(name: unknown): void {
    if (this.isNamed || typeof name !== 'string' || !GENERATION.test(name)) return
    this.isNamed = true
    this.call.onGeneration?.(name)
  }

  onResponseData(chunk: Buffer): void {
    if (this.isSettled) return
    this.nowMs = this.watchdog.bytes()
    if (this.decoder) {
      if (this.decoder.push(chunk) === 'too_long') this.malformed('line over 1 MiB')
      return
    }
    this.bytes += chunk.length
    if (this.status < 400 && this.bytes > MAX_WHOLE_BYTES) return this.malformed('answer over 32 MiB')
    if (this.status < 400 || this.bytes - chunk.length < MAX_ERROR_BYTES) this.chunks.push(chunk)
    else this.failByStatus()
  }

  onResponseEnd(): void {
    this.controller = null
    if (this.lingering) clearTimeout(this.lingering)
    if (this.isSettled) return
    if (this.status >= 400) return this.failByStatus()
    if (this.decoder) this.decoder.end()
    else if (this.bytes > 0) {
      this.nowMs = this.watchdog.bytes()
      this.whole(Buffer.concat(this.chunks).toString('utf8'))
    }
    if (!this.isSettled) this.finish('ended without a terminal marker')
  }

  onResponseError(error: Error): void {
    this.controller = null
    if (this.lingering) clearTimeout(this.lingering)
    if (this.isSettled) return
    const isSilent = this.status === 0
    if (isSilent && !this.hasRedialled && this.isStale && isStaleConnection(error)) {
      this.reply.flags.add('retried_stale_connection')
      this.hasRedialled = true
      this.watchdog.redial()
      return this.dispatch(true)
    }
    if (this.status >= 400) return this.failByStatus()
    if (this.reply.isWhole) return this.finish('')
    this.fail(transportFailure(error, this.watchdog.isSent, isSilent))
  }

  /** The connection had died before: it broke at once when it was used again, or before anything was written on it. */
  private get isStale(): boolean {
    return !this.watchdog.isSent || (this.isReused && this.watchdog.wasJustSent)
  }

  /** One frame of a stream; false stops the decoder. */
  private frame(text: string): boolean {
    this.dialect.read(this.reply, text, false)
    return this.judge()
  }

  private whole(text: string): void {
    this.dialect.read(this.reply, text.trim(), true)
    this.judge()
  }

  /** Acts on what the last frame told; false when the exchange is settled. */
  private judge(): boolean {
    const { reply } = this
    if (this.dialect.generationHeader) this.noteGeneration(reply.answerId)
    if (reply.error) this.fail(failureFromReply(reply.error, this.context))
    else if (reply.malformed) this.malformed(reply.malformed)
    else if (reply.isCut) this.succeed()
    else if (reply.isTerminal) this.finish('')
    else if (reply.isWhole) this.watchdog.grace()
    return !this.isSettled
  }

  private finish(cause: string): void {
    const { reply } = this
    if (!reply.isWhole) return this.fail(failure('ambiguous', 'stream_incomplete', 'host', cause))
    if (reply.finishReason !== 'length' && reply.hasToolCalls && !reply.hasWholeToolCalls()) return this.malformed('tool call cut short')
    if (reply.lacksToolCall) return this.fail(failure('ambiguous', 'tool_choice_unmet', 'nobody', 'no tool call'))
    this.succeed()
  }

  private succeed(): void {
    this.settle(outcomeOf(this.reply, this.call, this.dialect, this.firstEventMs, null))
  }

  private malformed(cause: string): void {
    this.fail(failure('ambiguous', 'upstream_error', 'host', cause))
  }

  private failByStatus(): void {
    const body = Buffer.concat(this.chunks).toString('utf8', 0, MAX_ERROR_BYTES)
    this.fail(failureFromStatus(this.status, body, this.headers, this.clock.now(), this.context))
  }

  private expire(what: Expiry): void {
    if (what === 'grace') return this.finish('')
    if (what === 'connect') return this.fail(failure('not_dispatched', 'upstream_timeout', 'host', 'connect timeout'))
    if (this.status >= 400) return this.failByStatus()
    if (this.reply.isWhole) return this.finish('')
    // An answer that flows too long is a long answer; one that has not begun, or stopped, is the host's fault.
    const blames = what === 'total' && this.firstEventMs !== null ? 'nobody' : 'host'
    this.fail(failure('ambiguous', 'upstream_timeout', blames, `${what.replace('_', ' ')} timeout`))
  }

  private fail(why: AttemptFailure): void {
    const real = this.reply.pushedEvents > 0 ? afterFirstEvent(why) : why
    this.settle(outcomeOf(this.reply, this.call, this.dialect, this.firstEventMs, real))
  }

  private settle(outcome: AttemptOutcome): void {
    if (this.isSettled) return
    this.isSettled = true
    this.watchdog.stop()
    this.chunks = []
    this.call.signal.removeEventListener('abort', this.onAbort)
    if (this.controller) this.release(outcome.failure === null && !this.reply.isCut)
    this.resolve(outcome)
  }

  /** A finished answer may close itself, so that its connection can be used again; anything else is closed at once. */
  private release(mayLinger: boolean): void {
    const controller = this.controller!
    if (!mayLinger) return controller.abort(new Error('stopped'))
    if (this.isPaused) controller.resume()
    if (this.controller) this.lingering = setTimeout(() => controller.abort(new Error('left open')), GRACE_MS).unref()
  }

  private pause(): void {
    this.isPaused = true
    this.watchdog.pause()
    this.controller?.pause()
    this.sink.onDrain(() => {
      this.isPaused = false
      if (this.isSettled) return
      this.watchdog.resume()
      this.controller?.resume()
    })
  }
}
