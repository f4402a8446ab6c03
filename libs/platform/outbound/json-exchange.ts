import type { Clock } from '@tollgate/kernel'
import { ADDRESS_REFUSED } from './guarded-connector'
import type { OutboundController, OutboundHandler, OutboundPools, OutboundTarget } from './outbound-pools'

/** One small JSON call to a host, for probes and catalogue work; never for chat. */
export interface JsonCall {
  readonly target: OutboundTarget
  /** Below the base URL's own path, e.g. `/api/tags`. */
  readonly path: string
  /** Undefined = GET, anything else is POSTed as JSON. */
  readonly body?: unknown
  /** Sent as a bearer token. */
  readonly secret?: string | null
  /** Headers of the dialect's own, in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** A 2xx answer that is JSON, or why there is none. `cause` is for our own log; `status` is null when no answer came. */
export type JsonAnswer =
  | { readonly ok: true; readonly status: number; readonly json: unknown; readonly latencyMs: number }
  | { readonly ok: false; readonly status: number | null; readonly json: unknown; readonly cause: string; readonly latencyMs: number }

const MAX_BODY_BYTES = 32 * 1024 * 1024

/** Makes one JSON call within `timeoutMs`, connect included. Never rejects; redirects and encoded bodies are failures. */
export function exchangeJson(pools: OutboundPools, clock: Clock, call: JsonCall): Promise<JsonAnswer> {
  return new Promise((resolve) => {
    const exchange = new JsonExchange(clock, call, resolve)
    const headers: Record<string, string> = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'tollgate' }
    if (call.body !== undefined) headers['content-type'] = 'application/json'
    if (call.secret) headers.authorization = `Bearer ${call.secret}`
    Object.assign(headers, call.headers)
    try {
      const host = pools.acquire(call.target)
      const body = call.body === undefined ? null : JSON.stringify(call.body)
      host.dispatch({ method: body === null ? 'GET' : 'POST', path: host.basePath + call.path, headers, body }, exchange)
    } catch (error) {
      exchange.fail(describeError(error))
    }
  })
}

/** A short, secret-free description of a transport error: its code, or its class. */
function describeError(error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException
  return code === ADDRESS_REFUSED ? `${code}: ${message}` : (code ?? name)
}

class JsonExchange implements OutboundHandler {
  private controller: OutboundController | null = null
  private status: number | null = null
  private readonly chunks: Buffer[] = []
  private bytes = 0
  private isSettled = false
  private readonly startedMs: number
  private readonly timer: NodeJS.Timeout
  private readonly onAbort = () => this.fail('aborted')

  constructor(
    private readonly clock: Clock,
    private readonly call: JsonCall,
    private readonly resolve: (answer: JsonAnswer) => void,
  ) {
    this.startedMs = clock.monotonicMs()
    this.timer = setTimeout(() => this.fail('timeout'), call.timeoutMs)
    if (call.signal?.aborted) this.fail('aborted')
    else call.signal?.addEventListener('abort', this.onAbort, { once: true })
  }

  onRequestStart(controller: OutboundController): void {
    this.controller = controller
    if (this.isSettled) controller.abort(new Error('settled'))
  }

  onResponseStart(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.status = status
    if (status >= 300 && status < 400) return this.fail(`redirect ${status}`)
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') this.fail('encoded body')
  }

  onResponseData(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.bytes > MAX_BODY_BYTES) return this.fail('body over 32 MiB')
    this.chunks.push(chunk)
  }

  onResponseEnd(): void {
    const status = this.status!
    const json = parse(Buffer.concat(this.chunks).toString('utf8'))
    const latencyMs = this.clock.monotonicMs() - this.startedMs
    if (status >= 300) this.settle({ ok: false, status, json: json ?? null, cause: `http ${status}`, latencyMs })
    else if (json === undefined) this.settle({ ok: false, status, json: null, cause: 'not JSON', latencyMs })
    else this.settle({ ok: true, status, json, latencyMs })
  }

  onResponseError(error: Error): void {
    this.fail(describeError(error))
  }

  fail(cause: string): void {
    const latencyMs = this.clock.monotonicMs() - this.startedMs
    this.settle({ ok: false, status: this.status, json: null, cause, latencyMs })
    this.controller?.abort(new Error(cause))
  }

  private settle(answer: JsonAnswer): void {
    if (this.isSettled) return
    this.isSettled = true
    clearTimeout(this.timer)
    this.call.signal?.removeEventListener('abort', this.onAbort)
    this.resolve(answer)
  }
}

/** Undefined when the text is not JSON: null is JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
