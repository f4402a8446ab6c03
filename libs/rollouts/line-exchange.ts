import type { Clock } from '@tollgate/kernel'
import type { OutboundController, OutboundHandler, OutboundPools } from '@tollgate/platform/outbound'
import { readLine, type AttemptEnd, type JobProgress } from './domain/host-job'

/** One job's call. `signal` stops it: closing the connection ends a pull on the host. */
export interface LineCall {
  readonly target: { readonly hostId: string; readonly baseUrl: string }
  readonly method: 'POST' | 'DELETE'
  readonly path: string
  readonly body: string
  readonly secret: string | null
  /** The longest silence, ms. */
  readonly idleMs: number
  readonly signal: AbortSignal
  readonly onProgress: (progress: JobProgress) => void
  /** A 200 without a word is a success: `/api/delete` and `/api/copy` say nothing. */
  readonly isSilent: boolean
}

const MOST_LINE_CHARS = 64 * 1024

/** Runs a job's call to its end, a line of JSON at a time. Never rejects. An answer that just ends has failed. */
export function runLines(pools: OutboundPools, clock: Clock, call: LineCall): Promise<AttemptEnd> {
  return new Promise((resolve) => {
    const exchange = new LineExchange(call, clock, resolve)
    const headers: Record<string, string> = { accept: 'application/x-ndjson', 'accept-encoding': 'identity', 'content-type': 'application/json', 'user-agent': 'tollgate' }
    if (call.secret) headers.authorization = `Bearer ${call.secret}`
    try {
      const host = pools.acquire(call.target)
      host.dispatch({ method: call.method, path: host.basePath + call.path, headers, body: call.body }, exchange)
    } catch (error) {
      exchange.end({ kind: 'failed', error: nameOf(error), isFinal: false })
    }
  })
}

class LineExchange implements OutboundHandler {
  private controller: OutboundController | null = null
  private status = 0
  private readonly decoder = new TextDecoder()
  private rest = ''
  private isOver = false
  private heardAtMs: number
  private readonly watch: NodeJS.Timeout
  private readonly onAbort = () => this.end({ kind: 'cancelled' })

  constructor(
    private readonly call: LineCall,
    private readonly clock: Clock,
    private readonly resolve: (end: AttemptEnd) => void,
  ) {
    this.heardAtMs = clock.monotonicMs()
    this.watch = setInterval(() => this.listen(), Math.min(1_000, call.idleMs))
    if (call.signal.aborted) this.onAbort()
    else call.signal.addEventListener('abort', this.onAbort, { once: true })
  }

  onRequestStart(controller: OutboundController): void {
    this.controller = controller
    if (this.isOver) controller.abort(new Error('over'))
  }

  onResponseStart(status: number): void {
    this.status = status
    this.heardAtMs = this.clock.monotonicMs()
    if (status >= 300 && status < 400) this.end({ kind: 'failed', error: `the host answered with a redirect (${status}); redirects are not followed`, isFinal: true })
  }

  onResponseData(chunk: Buffer): void {
    this.heardAtMs = this.clock.monotonicMs()
    const lines = (this.rest + this.decoder.decode(chunk, { stream: true })).split('\n')
    this.rest = lines.pop()!
    for (const line of lines) this.take(line)
    if (this.rest.length > MOST_LINE_CHARS) this.take(this.rest)
  }

  onResponseEnd(): void {
    this.take(this.rest)
    if (this.status === 200 && this.call.isSilent) this.end({ kind: 'done' })
    this.end({ kind: 'failed', error: this.status === 200 ? 'the host ended its answer without saying success' : `the host answered ${this.status}`, isFinal: isRefusal(this.status) })
  }

  onResponseError(error: Error): void {
    this.end({ kind: 'failed', error: nameOf(error), isFinal: false })
  }

  end(end: AttemptEnd): void {
    if (this.isOver) return
    this.isOver = true
    clearInterval(this.watch)
    this.call.signal.removeEventListener('abort', this.onAbort)
    this.resolve(end)
    this.controller?.abort(new Error('over'))
  }

  private take(line: string): void {
    if (this.isOver) return
    if (line.length > MOST_LINE_CHARS) return this.end({ kind: 'failed', error: 'the host sent a line of more than 64 kB', isFinal: true })
    if (line.trim() === '') return
    const said = readLine(line)
    if (said === null) return
    if (said === 'done') this.end({ kind: 'done' })
    else if ('error' in said) this.end({ kind: 'failed', error: said.error, isFinal: isRefusal(this.status) || /file does not exist|unauthorized|invalid model name/.test(said.error) })
    else this.call.onProgress(said.progress)
  }

  private listen(): void {
    if (this.clock.monotonicMs() - this.heardAtMs > this.call.idleMs) this.end({ kind: 'failed', error: `the host was silent for ${Math.round(this.call.idleMs / 1000)} s`, isFinal: false })
  }
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429
}

function nameOf(error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException
  return `the host could not be reached: ${code ?? name}${code === undefined ? ` ${message}` : ''}`
}
