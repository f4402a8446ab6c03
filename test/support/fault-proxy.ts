import { connect, createServer, type Server, type Socket } from 'node:net'

/** What the proxy does to traffic from now on, on open connections too. */
export type Fault =
  | { is: 'none' }
  /** Every reply arrives this much later. */
  | { is: 'latency'; latencyMs: number }
  /** The next request is not delivered: the connection is reset instead. */
  | { is: 'cut-before-request' }
  /** The next request is delivered and carried out, but its reply is lost with the connection. */
  | { is: 'cut-before-reply' }
  /** As before, for the one piece of reply with this number, counted from now over all connections; others arrive. */
  | { is: 'cut-nth-reply'; index: number }
  /** The next request that matches is not delivered: `tell` is called and its connection reset, once; all else passes. */
  | { is: 'intercept'; matches(bytes: Buffer): boolean; tell(): void }
  /** The first piece of the next reply arrives, then the connection is reset. */
  | { is: 'cut-after-reply' }
  /** The next reply is replaced by an orderly end of the server's side. */
  | { is: 'half-close' }
  /** Connections are accepted and requests swallowed; nothing ever comes back. */
  | { is: 'black-hole' }
  /** Open connections are reset and new ones refused. */
  | { is: 'refuse' }

const DEFAULT_PORTS: Record<string, string> = { 'redis:': '6379', 'postgres:': '5432', 'http:': '80' }

/** A TCP proxy between us and a service, with faults that a test switches on and off. */
export class FaultProxy {
  private fault: Fault = { is: 'none' }
  private replies = 0
  private server: Server | null = null
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly target: URL,
    private listenPort: number,
  ) {}

  /** Starts a proxy on a free 127.0.0.1 port before the service at `targetUrl` (any scheme with host and port). */
  static async start(targetUrl: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(targetUrl), 0)
    await proxy.listen()
    return proxy
  }

  get port(): number {
    return this.listenPort
  }

  /** The target's address with the proxy's host and port: same credentials, path and query. */
  get url(): string {
    // Only the authority is replaced: URL setters refuse a host for schemes they do not know.
    const { protocol, username, password, pathname, search } = this.target
    const login = username || password ? `${username}:${password}@` : ''
    return `${protocol}//${login}127.0.0.1:${this.listenPort}${pathname}${search}`
  }

  /** Switches to `fault`; resolves when it is in force. `{ is: 'none' }` heals (cut connections stay cut). */
  async set(fault: Fault): Promise<void> {
    this.fault = fault
    this.replies = 0
    if (fault.is === 'refuse') return this.close()
    if (!this.server) await this.listen()
  }

  /** Pieces of reply that came since the fault was set. */
  get replyCount(): number {
    return this.replies
  }

  /** Resets every open connection now; new ones are served. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy()
  }

  /** Ends the proxy and its connections. */
  async stop(): Promise<void> {
    await this.close()
  }

  private listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      // allowHalfOpen: one side's end must not end the other side by itself.
      const server = createServer({ allowHalfOpen: true }, (client) => this.serve(client))
      server.once('error', reject)
      server.listen(this.listenPort, '127.0.0.1', () => {
        const address = server.address()
        if (address && typeof address === 'object') this.listenPort = address.port
        this.server = server
        resolve()
      })
    })
  }

  private close(): Promise<void> {
    const server = this.server
    this.server = null
    this.cut()
    return new Promise((resolve) => (server ? server.close(() => resolve()) : resolve()))
  }

  private serve(client: Socket): void {
    const port = Number(this.target.port || DEFAULT_PORTS[this.target.protocol])
    const upstream = connect({ host: this.target.hostname, port, allowHalfOpen: true })
    const reset = () => {
      client.resetAndDestroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      this.sockets.add(socket)
      socket.setNoDelay(true)
      socket.once('close', () => this.sockets.delete(socket))
      socket.on('error', reset)
    }
    client.on('data', (bytes) => {
      if (this.fault.is === 'black-hole') return
      if (this.fault.is === 'cut-before-request') return reset()
      if (this.fault.is === 'intercept' && this.fault.matches(bytes)) return this.intercepted(this.fault, reset)
      upstream.write(bytes)
    })
    client.on('end', () => upstream.end())
    client.on('close', () => upstream.destroy())
    const line = new DelayLine()
    upstream.on('data', (bytes) => this.reply(client, line, bytes, reset))
    upstream.on('end', () => {
      if (this.fault.is !== 'black-hole') line.pass(this.latencyMs, () => client.end())
    })
  }

  private get latencyMs(): number {
    return this.fault.is === 'latency' ? this.fault.latencyMs : 0
  }

  private intercepted(fault: Extract<Fault, { is: 'intercept' }>, reset: () => void): void {
    this.fault = { is: 'none' }
    fault.tell()
    reset()
  }

  private reply(client: Socket, line: DelayLine, bytes: Buffer, reset: () => void): void {
    const { fault } = this
    const index = this.replies++
    if (fault.is === 'black-hole') return
    if (fault.is === 'cut-before-reply' || (fault.is === 'cut-nth-reply' && fault.index === index)) return reset()
    if (fault.is === 'half-close') return void client.end()
    line.pass(this.latencyMs, () => client.writable && client.write(bytes, () => fault.is === 'cut-after-reply' && reset()))
  }
}

/** Delays what passes, and keeps its order when the delay changes: a network that reordered bytes would be no TCP. */
class DelayLine {
  private readonly waiting: { readonly dueMs: number; readonly deliver: () => unknown }[] = []

  pass(latencyMs: number, deliver: () => unknown): void {
    if (latencyMs === 0 && this.waiting.length === 0) return void deliver()
    const dueMs = Math.max(performance.now() + latencyMs, this.waiting.at(-1)?.dueMs ?? 0)
    this.waiting.push({ dueMs, deliver })
    if (this.waiting.length === 1) this.wait()
  }

  private wait(): void {
    setTimeout(() => {
      while (this.waiting.length > 0 && this.waiting[0]!.dueMs <= performance.now()) this.waiting.shift()!.deliver()
      if (this.waiting.length > 0) this.wait()
    }, Math.max(1, Math.ceil(this.waiting[0]!.dueMs - performance.now()))).unref()
  }
}
