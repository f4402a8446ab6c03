import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { readBehaviour, WELL_BEHAVED, type Behaviour, type BehaviourWish } from './behaviour'
import { selfSigned } from './certificate'
import { machineClock, type SandboxClock } from './clock'
import { control, isControl } from './control'
import { serve, type Backstage } from './exchange'
import { Journal, type HostStats, type LogEntry, type LogFile } from './journal'
import { ModelShelf, type ShelfMemory } from './model-shelf'
import type { Dialect, Stage } from './scene'

/** One simulated upstream. */
export interface SandboxHostOptions {
  name: string
  region: string
  dialect: Dialect
  /** 0 or absent takes a free port. */
  port?: number
  models: string[]
  /** Answers begin with `[sandbox <region>]` and say that no model is behind them. */
  announce?: boolean
  /** Asked for as a bearer token (or `x-api-key`) by every dialect but Ollama's when set. */
  apiKey?: string
  /** Milliseconds to the first byte, milliseconds per token, and words per answer when nothing else is said. */
  defaults?: { delay?: number; gap?: number; words?: number }
  /** What fits into memory and how long a load takes (Ollama); absent: everything, and no time. */
  memory?: ShelfMemory
  /** How many requests `log()` tells of, 1000 when absent; whoever counts every call of a long load asks for more. */
  keptRequests?: number
}

const DEFAULT_WORDS = 10
const DAY_MS = 86_400_000

/** Neither Ollama nor OpenAI announces a keep-alive limit, and a server that closes idle sockets is a fault of its own. */
const PATIENT = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, noDelay: true }

/** A running simulated upstream and its controls, the same that `/__sim/*` offers over HTTP. */
export class SandboxHost {
  readonly name: string
  readonly region: string
  readonly dialect: Dialect
  private readonly shelf: ModelShelf
  private readonly journal: Journal
  private readonly http: HttpServer
  /** Set while the host speaks TLS with a certificate nobody trusts. */
  private https: HttpsServer | undefined
  private readonly backstage: Backstage
  private readonly sockets = new Set<Socket>()
  private readonly turns = new Map<string, number>()
  private readonly generations: Stage['generations'] = new Map()
  private listener: Server | undefined
  private behaviour: Behaviour = WELL_BEHAVED
  private ids = 0
  private boundPort: number

  constructor(
    options: SandboxHostOptions,
    private readonly listenHost: string,
    /** Finds a sibling, so that a host that cannot be reached can be controlled through another. */
    private readonly sibling: (name: string) => SandboxHost | undefined,
    logFile?: LogFile,
    private readonly clock: SandboxClock = machineClock,
  ) {
    this.name = options.name
    this.region = options.region
    this.dialect = options.dialect
    this.boundPort = options.port ?? 0
    this.shelf = new ModelShelf(options.models, clock, options.memory)
    this.journal = new Journal(options.name, clock, logFile, options.keptRequests)
    const { defaults = {} } = options
    const stage: Stage = {
      name: options.name,
      region: options.region,
      dialect: options.dialect,
      announce: options.announce ?? false,
      apiKey: options.apiKey,
      words: defaults.words ?? DEFAULT_WORDS,
      shelf: this.shelf,
      clock,
      turns: this.turns,
      generations: this.generations,
      nextId: () => ++this.ids,
    }
    this.backstage = { stage, journal: this.journal, defaults, behaviour: () => this.behaviour }
    this.http = createHttpServer(PATIENT, this.onRequest)
  }

  get port(): number {
    return this.boundPort
  }

  get baseUrl(): string {
    return `http://${this.listenHost}:${this.boundPort}`
  }

  /** Says whether the port is open. */
  get isListening(): boolean {
    return this.listener !== undefined
  }

  /** Opens the port, the same one as before when the host has run already. */
  async start(): Promise<void> {
    if (this.listener) return
    const listener = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.accept(socket))
    this.listener = listener
    this.journal.isHostDown = false
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(this.boundPort, this.listenHost, 1024, resolve)
    })
    this.boundPort = (listener.address() as AddressInfo).port
  }

  /** Closes the port and resets every open connection: from now on a connection is refused. */
  async stop(): Promise<void> {
    const { listener } = this
    if (!listener) return
    this.listener = undefined
    this.journal.isHostDown = true
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()))
    for (const socket of this.sockets) socket.resetAndDestroy()
    await closed
  }

  /** Sets what every request meets that asks for nothing itself; `refuse` closes the port until `reset` or another `set`. */
  async set(wish: BehaviourWish): Promise<void> {
    this.behaviour = readBehaviour(wish)
    this.turns.clear()
    this.https = this.behaviour.name === 'tls-bad' ? this.untrusted(this.behaviour.params.expired === '1') : undefined
    if (this.behaviour.name === 'refuse') await this.stop()
    else await this.start()
  }

  /** Back to `ok`, the first models, an empty log and zero totals, with the port open. */
  async reset(): Promise<void> {
    this.behaviour = WELL_BEHAVED
    this.https = undefined
    this.turns.clear()
    this.generations.clear()
    this.shelf.reset()
    this.journal.reset()
    await this.start()
  }

  stats(): HostStats {
    return this.journal.stats()
  }

  /** Models loaded into memory, and those that pushed another out. */
  memoryStats(): { loads: number; swaps: number } {
    return this.shelf.memoryStats()
  }

  /** The last requests, as many as the host keeps, oldest first. */
  log(): LogEntry[] {
    return this.journal.log()
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    // A caller's reset is an everyday event here, not a fault of ours.
    socket.on('error', () => {})
    if (this.behaviour.name === 'blackhole') socket.pause()
    else (this.https ?? this.http).emit('connection', socket)
  }

  private readonly onRequest: RequestListener = (request, response) => {
    if (isControl(request.url)) control(request, response, (name) => (name === undefined ? this : this.sibling(name)))
    else serve(this.backstage, request, response)
  }

  private untrusted(isExpired: boolean): HttpsServer {
    const nowMs = this.clock.nowMs()
    const server = createHttpsServer(
      { ...PATIENT, ...selfSigned(nowMs - 2 * DAY_MS, isExpired ? nowMs - DAY_MS : nowMs + DAY_MS) },
      this.onRequest,
    )
    // A caller that turns away from the certificate is what this is for.
    return server.on('tlsClientError', (_error, socket) => socket.destroy())
  }
}
