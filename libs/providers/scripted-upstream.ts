import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** How one dialect puts things; the contract suite says the same things in both. */
export interface Speech {
  readonly provider: string
  readonly streamType: string
  readonly path: string
  word(text: string): string
  /** Frames that end a stream well. Usage null = the upstream reports none. */
  ending(usage: Counts | null, finish?: string): string
  whole(text: string, usage: Counts | null): string
  errorFrame(message: string): string
  errorBody(message: string): string
  /** Answers that differ by dialect. */
  readonly extra: Readonly<Record<string, Behaviour>>
}

export interface Counts {
  readonly prompt: unknown
  readonly completion: unknown
}

/** What a behaviour may use. */
export interface Scene {
  readonly res: ServerResponse
  readonly speech: Speech
  readonly body: Record<string, unknown>
  readonly log: RequestLog
}

export type Behaviour = (scene: Scene) => void

export interface RequestLog {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
  /** Resolves when the connection of this request closed. */
  readonly closed: Promise<void>
  writtenBytes: number
  /** Resolves when writing has been blocked for a while: the reader applies back-pressure. */
  stalled: Promise<void>
}

/**
 * An upstream for specs: the model's name chooses the behaviour. Speaks one dialect on a free port of 127.0.0.1.
 */
export class ScriptedUpstream {
  readonly requests: RequestLog[] = []
  private readonly sockets = new Set<Socket>()
  private connections = 0

  private constructor(
    private readonly server: Server,
    readonly baseUrl: string,
  ) {}

  static async start(speech: Speech, behaviours: Readonly<Record<string, Behaviour>>): Promise<ScriptedUpstream> {
    const server = createServer({ keepAliveTimeout: 60_000 })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const upstream = new ScriptedUpstream(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    server.on('connection', (socket) => {
      upstream.connections++
      upstream.sockets.add(socket)
      socket.on('close', () => upstream.sockets.delete(socket)).on('error', () => {})
    })
    server.on('request', (req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
        const closed = new Promise<void>((resolve) => res.socket!.setMaxListeners(0).once('close', () => resolve()))
        const log: RequestLog = { path: req.url!, headers: req.headers, body, closed, writtenBytes: 0, stalled: closed }
        upstream.requests.push(log)
        const behaviour = behaviours[body.model as string] ?? speech.extra[body.model as string]
        if (!behaviour) throw new Error(`no behaviour ${String(body.model)}`)
        behaviour({ res, speech, body, log })
      })
    })
    return upstream
  }

  get connectionCount(): number {
    return this.connections
  }

  /** Closes every connection at once, as a restart would. */
  dropConnections(): void {
    for (const socket of this.sockets) socket.resetAndDestroy()
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((closed) => this.server.close(closed))
  }
}

/** Answers text under a status and content type. */
export function answer(status: number, type: string, text: string, headers: Record<string, string> = {}): Behaviour {
  return ({ res }) => res.writeHead(status, { 'content-type': type, ...headers }).end(text)
}

/** A stream of the given frames; the connection stays open unless `end` is called by `then`. */
export function streamed(frames: (speech: Speech) => readonly string[], then: (res: ServerResponse) => void = (res) => res.end()): Behaviour {
  return ({ res, speech }) => {
    res.writeHead(200, { 'content-type': speech.streamType })
    for (const frame of frames(speech)) res.write(frame)
    then(res)
  }
}

/** Writes words for ever, as fast as the reader takes them, and tells when it is held up. */
export const endless: Behaviour = ({ res, speech, log }) => {
  res.writeHead(200, { 'content-type': speech.streamType })
  const block = speech.word(`${'x'.repeat(200)} `).repeat(100)
  let stalled = () => {}
  log.stalled = new Promise((resolve) => (stalled = resolve))
  const write = () => {
    let isFree = true
    while (isFree && !res.destroyed) {
      log.writtenBytes += block.length
      isFree = res.write(block)
    }
    const timer = setTimeout(stalled, 150)
    res.once('drain', () => {
      clearTimeout(timer)
      setImmediate(write)
    })
  }
  write()
}
