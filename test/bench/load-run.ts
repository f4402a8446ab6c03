import { performance } from 'node:perf_hooks'
import { LoadConnection, requestBytes, type LoadTarget } from './load-connection'
import type { Reply } from './reply-reader'

/** One run of load. Without `perSecond` every connection calls again as soon as it is answered. */
export interface LoadOrder {
  readonly target: LoadTarget
  readonly seconds: number
  readonly connections: number
  readonly perSecond: number | null
  /** A stream with fewer events is an error. */
  readonly leastFrames: number
}

/** What came of it. `calls` ended well within the time; `completed` counts those before and after, too. */
export interface LoadResult {
  readonly calls: number
  readonly callsPerSecond: number
  readonly completed: number
  readonly errors: number
  /** The first thing that went wrong, for people. */
  readonly firstError: string | null
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Connections and caches settle before anything is counted. */
const RAMP_MS = 300
const ABANDON_MS = 10_000

/** Makes the load, waits for the calls still on their way, and counts. */
export class LoadRun {
  private readonly request: Buffer
  private readonly latenciesMs: number[] = []
  private readonly waitingSinceMs: number[] = []
  private readonly idle: LoadConnection[] = []
  private completed = 0
  private errors = 0
  private firstError: string | null = null
  private inFlight = 0
  private isOver = false
  private fromMs = 0
  private untilMs = 0
  private onIdle: () => void = () => undefined

  constructor(private readonly order: LoadOrder) {
    this.request = requestBytes(order.target)
  }

  async run(): Promise<LoadResult> {
    const { order } = this
    const connections = Array.from({ length: order.connections }, () => new LoadConnection(order.target.port))
    await Promise.all(connections.map((connection) => connection.open()))
    this.fromMs = performance.now() + RAMP_MS
    this.untilMs = this.fromMs + order.seconds * 1000
    if (order.perSecond === null) for (const connection of connections) this.repeat(connection)
    else {
      this.idle.push(...connections)
      this.schedule(1000 / order.perSecond)
    }
    await new Promise((resolve) => setTimeout(resolve, RAMP_MS + order.seconds * 1000))
    this.isOver = true
    await this.lastReplies()
    for (const connection of connections) connection.close()
    return this.result()
  }

  private repeat(connection: LoadConnection): void {
    if (this.isOver) return
    this.send(connection, performance.now(), () => this.repeat(connection))
  }

  /** Calls at fixed moments, whatever the answers do: a call that finds no connection counts its waiting. */
  private schedule(everyMs: number): void {
    let nextMs = performance.now()
    const tick = () => {
      if (this.isOver) return
      const nowMs = performance.now()
      for (; nextMs <= nowMs; nextMs += everyMs) this.waitingSinceMs.push(nowMs)
      this.serveWaiting()
      setTimeout(tick, 1)
    }
    tick()
  }

  private serveWaiting(): void {
    while (this.waitingSinceMs.length > 0 && this.idle.length > 0) {
      const connection = this.idle.pop()!
      this.send(connection, this.waitingSinceMs.shift()!, () => {
        this.idle.push(connection)
        this.serveWaiting()
      })
    }
  }

  private send(connection: LoadConnection, sinceMs: number, then: () => void): void {
    this.inFlight++
    connection.call(this.request, (reply) => {
      this.inFlight--
      this.count(reply, sinceMs)
      if (this.inFlight === 0 && this.isOver) this.onIdle()
      // A failing target must not turn the loop into a busy one.
      if (reply?.isGood) then()
      else setTimeout(then, 5)
    })
  }

  private count(reply: Reply | null, sinceMs: number): void {
    const nowMs = performance.now()
    if (!reply?.isGood || reply.frames < this.order.leastFrames) {
      this.errors++
      this.firstError ??= reply ? `status ${reply.status}, ${reply.frames} events` : 'connection broken'
      return
    }
    this.completed++
    if (nowMs >= this.fromMs && nowMs < this.untilMs) this.latenciesMs.push(nowMs - sinceMs)
  }

  private async lastReplies(): Promise<void> {
    if (this.inFlight === 0) return
    let timer: NodeJS.Timeout | undefined
    const abandoned = new Promise<void>((resolve) => (timer = setTimeout(resolve, ABANDON_MS)))
    await Promise.race([new Promise<void>((resolve) => (this.onIdle = resolve)), abandoned])
    clearTimeout(timer)
  }

  private result(): LoadResult {
    const sorted = Float64Array.from(this.latenciesMs).sort()
    const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
    return {
      calls: sorted.length,
      callsPerSecond: sorted.length / this.order.seconds,
      completed: this.completed,
      errors: this.errors + this.inFlight,
      firstError: this.firstError,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
    }
  }
}
