import { Client, Pool, type buildConnector, type Dispatcher } from 'undici'
import type { AddressPolicy } from './address-policy'
import { guardedConnector, type Resolve } from './guarded-connector'

/** Whose connections are wanted. */
export interface OutboundTarget {
  readonly hostId: string
  readonly baseUrl: string
}

/** One request. `path` is absolute and already holds the base URL's own path. Header names are lower case. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** Stops, pauses and resumes one answer; `abort` closes the socket at once. */
export type OutboundController = Pick<Dispatcher.DispatchController, 'abort' | 'pause' | 'resume'>

/** What the transport tells while a request runs. Timeouts are the handler's own business: the pool sets none. */
export interface OutboundHandler {
  /** The request has a connection and is being written. `isReused`: the connection served an earlier request. */
  onRequestStart(controller: OutboundController, isReused: boolean): void
  onResponseStart(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void
  onResponseData(chunk: Buffer): void
  onResponseEnd(): void
  onResponseError(error: Error): void
}

/** The connections of one host: one pool, and a second one without keep-alive for the retry after a stale socket. */
export interface OutboundHost {
  /** Path of the base URL without a trailing slash: `` or `/v1`. */
  readonly basePath: string
  /** `fresh` forces a new connection that is closed afterwards. */
  dispatch(request: OutboundRequest, handler: OutboundHandler, fresh?: boolean): void
}

const CONNECT_TIMEOUT_MS = 10_000
const MAX_HEADER_BYTES = 16 * 1024
/** Go and Node servers keep idle connections longer; one that announces less (`Keep-Alive: timeout=5`) is believed. */
const IDLE_CONNECTION_MS = 30_000

/**
 * Keep-alive connections to every host (performance.md, decision 2): HTTP/1.1, no redirects, no decompression, and no
 * address that the policy refuses. The number of connections is bounded by the corridor's concurrency, not here.
 */
export class OutboundPools {
  private readonly hosts = new Map<string, PooledHost>()
  private readonly connect: buildConnector.connector

  constructor(policy: AddressPolicy, resolve?: Resolve) {
    this.connect = guardedConnector(policy, CONNECT_TIMEOUT_MS, resolve)
  }

  /** The connections of a host, made on first use. A changed base URL gets connections of its own. */
  acquire({ hostId, baseUrl }: OutboundTarget): OutboundHost {
    const key = `${hostId} ${baseUrl}`
    let host = this.hosts.get(key)
    if (!host) this.hosts.set(key, (host = new PooledHost(hostId, new URL(baseUrl), this.connect)))
    return host
  }

  /** Lets requests in flight end, then closes the host's connections (F74: never under a running call). */
  async closeHost(hostId: string): Promise<void> {
    const closing: Promise<void>[] = []
    for (const [key, host] of this.hosts) {
      if (host.hostId !== hostId) continue
      this.hosts.delete(key)
      closing.push(host.close())
    }
    await Promise.all(closing)
  }

  /** Lets all requests in flight end, then closes every connection. */
  async closeAll(): Promise<void> {
    const hosts = [...this.hosts.values()]
    this.hosts.clear()
    await Promise.all(hosts.map((host) => host.close()))
  }
}

class PooledHost implements OutboundHost {
  readonly basePath: string
  private readonly kept: Pool
  private unkept: Pool | null = null

  constructor(
    readonly hostId: string,
    private readonly url: URL,
    private readonly connect: buildConnector.connector,
  ) {
    this.basePath = url.pathname.replace(/\/+$/, '')
    this.kept = this.pool(1)
  }

  dispatch(request: OutboundRequest, handler: OutboundHandler, fresh = false): void {
    const pool = fresh ? (this.unkept ??= this.pool(0)) : this.kept
    const adapted = new Adapted(handler)
    const options: TracedOptions = { ...request, headersTimeout: 0, bodyTimeout: 0, adapted }
    pool.dispatch(options, adapted)
  }

  async close(): Promise<void> {
    await Promise.all([this.kept.close(), this.unkept?.close()])
  }

  private pool(pipelining: 0 | 1): Pool {
    return new Pool(this.url.origin, {
      connect: this.connect,
      pipelining,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      factory: (origin, options) => new CountingClient(origin, options as Client.Options),
    })
  }
}

/** Undici's handler interface over ours: the only thing between socket and reader, so it does nothing else. */
class Adapted implements Dispatcher.DispatchHandler {
  client: CountingClient | null = null

  constructor(private readonly handler: OutboundHandler) {}

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.handler.onRequestStart(controller, this.client !== null && this.client.servedOnConnection++ > 0)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    // 1xx answers announce the real one.
    if (status >= 200) this.handler.onResponseStart(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.handler.onResponseData(chunk)
  }

  onResponseEnd(): void {
    this.handler.onResponseEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.handler.onResponseError(error)
  }
}

/** Knows how many requests its present connection has served: a reset on a used one may only mean it was stale. */
class CountingClient extends Client {
  servedOnConnection = 0

  constructor(origin: string | URL, options: Client.Options) {
    super(origin, options)
    this.on('connect', () => {
      this.servedOnConnection = 0
    })
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    ;(options as TracedOptions).adapted.client = this
    return super.dispatch(options, handler)
  }
}

/** The pool wraps handlers but hands its options on untouched, so these carry the handler to the client that serves it. */
interface TracedOptions extends Dispatcher.DispatchOptions {
  readonly adapted: Adapted
}
