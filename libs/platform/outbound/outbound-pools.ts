import type { Clock } from '@tollgate/kernel'
import { systemClock } from '@tollgate/platform/clock'
import { Client, type buildConnector, type Dispatcher } from 'undici'
import type { AddressPolicy } from './address-policy'
import { guardedConnector, type Resolve } from './guarded-connector'

/** Whose connections are wanted. */
export interface OutboundTarget {
  readonly hostId: string
  readonly baseUrl: string
}

/** One request. `path` is absolute and already holds the base URL's own path. Header names are lower case. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  /** On whose behalf, in the end: connections do not pass from one party to another at once. */
  readonly party?: string
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

/** The connections of one host: kept alive, but for those of retries after a stale socket. */
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
 * What comes on an idle connection closes it. A host that is confused, or worse, may send a second answer late (F44): it
 * must find the connection idle, or in the hands of the party whose answer it is, never of another.
 */
const QUIET_MS = 250

/**
 * Keep-alive connections to every host (performance.md, decision 2): HTTP/1.1, no redirects, no decompression, and no
 * address that the policy refuses. The number of connections is bounded by the corridor's concurrency, not here.
 */
export class OutboundPools {
  private readonly hosts = new Map<string, PooledHost>()
  private readonly connect: buildConnector.connector

  constructor(
    policy: AddressPolicy,
    resolve?: Resolve,
    private readonly clock: Clock = systemClock,
  ) {
    this.connect = guardedConnector(policy, CONNECT_TIMEOUT_MS, resolve)
  }

  /** The connections of a host, made on first use. A changed base URL gets connections of its own. */
  acquire({ hostId, baseUrl }: OutboundTarget): OutboundHost {
    const key = `${hostId} ${baseUrl}`
    let host = this.hosts.get(key)
    if (!host) this.hosts.set(key, (host = new PooledHost(hostId, new URL(baseUrl), this.connect, this.clock)))
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
  private readonly connections = new Set<Connection>()
  /** Connections without a request; the one that was used last is the last. */
  private readonly idle: Connection[] = []
  private isClosing = false

  constructor(
    readonly hostId: string,
    private readonly url: URL,
    private readonly connect: buildConnector.connector,
    private readonly clock: Clock,
  ) {
    this.basePath = url.pathname.replace(/\/+$/, '')
  }

  dispatch({ method, path, headers, body, party = '' }: OutboundRequest, handler: OutboundHandler, fresh = false): void {
    const connection = fresh ? this.open(0) : (this.takeIdle(party) ?? this.open(1))
    connection.party = party
    connection.isBusy = true
    // A whole turn later: what came behind the answer in the same read has then been seen, and closed the connection.
    const adapted = new Adapted(handler, connection, () => setImmediate(() => this.release(connection)))
    connection.dispatch({ method, path, headers, body, headersTimeout: 0, bodyTimeout: 0 }, adapted)
  }

  async close(): Promise<void> {
    this.isClosing = true
    await Promise.all([...this.connections].map((connection) => connection.close()))
  }

  /** The connection used last of those the party used itself, or that have been quiet for long enough (F44). */
  private takeIdle(party: string): Connection | null {
    const quietSinceMs = this.clock.monotonicMs() - QUIET_MS
    const at = this.idle.findLastIndex((connection) => connection.party === party || connection.idleSinceMs <= quietSinceMs)
    return at < 0 ? null : this.idle.splice(at, 1)[0]!
  }

  private open(pipelining: 0 | 1): Connection {
    const connection = new Connection(this.url.origin, { connect: this.connect, pipelining, maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: IDLE_CONNECTION_MS })
    this.connections.add(connection)
    connection.on('disconnect', () => {
      if (!connection.isBusy) this.discard(connection)
    })
    return connection
  }

  private release(connection: Connection): void {
    connection.isBusy = false
    if (!connection.isOpen || this.isClosing) return this.discard(connection)
    connection.idleSinceMs = this.clock.monotonicMs()
    this.idle.push(connection)
  }

  private discard(connection: Connection): void {
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
    this.connections.delete(connection)
    void connection.destroy().catch(() => undefined)
  }
}

/** Undici's handler interface over ours: the only thing between socket and reader, so it does nothing else. */
class Adapted implements Dispatcher.DispatchHandler {
  constructor(
    private readonly handler: OutboundHandler,
    private readonly connection: Connection,
    private readonly onDone: () => void,
  ) {}

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.handler.onRequestStart(controller, this.connection.served++ > 0)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    // 1xx answers announce the real one.
    if (status >= 200) this.handler.onResponseStart(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.handler.onResponseData(chunk)
  }

  onResponseEnd(): void {
    this.onDone()
    this.handler.onResponseEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.onDone()
    this.handler.onResponseError(error)
  }
}

/** One connection, opened with its first request. */
class Connection extends Client {
  /** Requests that its present socket has served: a reset on a used one may only mean it was stale. */
  served = 0
  /** On whose behalf it was used last, and since when it has not been. */
  party = ''
  idleSinceMs = 0
  isBusy = false
  isOpen = false

  constructor(origin: string, options: Client.Options) {
    super(origin, options)
    this.on('connect', () => {
      this.served = 0
      this.isOpen = true
    })
    this.on('disconnect', () => {
      this.isOpen = false
    })
  }
}
