import type { Client } from '@modelcontextprotocol/client'
import type { Clock } from '@tollgate/kernel'
import { within } from '@tollgate/platform/clock'
import { backoffMs } from './domain/backoff'
import { allowsTool, type McpServer } from './domain/mcp-server'
import { McpFault } from './domain/mcp-fault'
import type { ListedTool } from './domain/offered-tool'
import { faultOf, isSessionGone } from './fault-of'
import type { ServerLine } from './server-line'

/** What a session needs of its process. */
export interface SessionWorld {
  readonly clock: Clock
  open(server: McpServer): Promise<ServerLine>
  /** A connection was made, or is gone. `fault` null = it was made. */
  told(server: McpServer, fault: McpFault | null): void
}

const LIST_FRESH_MS = 60_000
/** After this long without trouble a connection's earlier failures are forgotten. */
const STEADY_MS = 60_000
const MOST_TOOLS = 128
const MOST_RUNNING = 64
/** A server that lets so many calls in a row run out of time is started anew: it hangs. */
const MOST_TIMEOUTS = 3
const CLIENT = { name: 'tollgate', version: '0.1.0' }
/** Results are text to us: a schema of somebody else's is not compiled to check them. */
const NO_SCHEMAS = { getValidator: () => (value: unknown) => ({ valid: true as const, data: value as never, errorMessage: undefined }) }

interface Connection {
  readonly client: Client
  readonly line: ServerLine
  readonly sinceMs: number
}

/**
 * One server: connected when it is first needed, shared by all calls, connected anew after it failed, later each time.
 * Every promise ends: connecting within `startMs`, a call within `timeoutMs`. Faults are thrown as McpFault.
 */
export class ServerSession {
  private connection: Promise<Connection> | null = null
  private listed: { readonly tools: readonly ListedTool[]; readonly atMs: number } | null = null
  private listing: Promise<readonly ListedTool[]> | null = null
  private failures = 0
  private timeouts = 0
  private notBeforeMs = -Infinity
  private running = 0
  private isEnded = false

  constructor(
    readonly server: McpServer,
    private readonly world: SessionWorld,
  ) {}

  /** The tools that may be called, from memory until the server says that they changed; after a minute it is asked again meanwhile. */
  async tools(): Promise<readonly ListedTool[]> {
    if (this.listed && this.world.clock.monotonicMs() - this.listed.atMs < LIST_FRESH_MS) return this.listed.tools
    this.listing ??= this.list().finally(() => (this.listing = null))
    if (!this.listed) return this.listing
    this.listing.catch(() => undefined)
    return this.listed.tools
  }

  /** One that does not list its tools is let go: no call waits for it again until it may be tried anew. */
  private async list(): Promise<readonly ListedTool[]> {
    try {
      return await this.readList()
    } catch (error) {
      this.listed = null
      if (error instanceof McpFault && error.kind !== 'died' && error.kind !== 'flooded' && this.connection) await this.drop(error)
      throw error
    }
  }

  private async readList(): Promise<readonly ListedTool[]> {
    const nowMs = this.world.clock.monotonicMs()
    const { tools } = await this.asked((client) => client.listTools(undefined, { timeout: this.server.limits.startMs, maxTotalTimeout: this.server.limits.startMs, cacheMode: 'bypass' }))
    const allowed = tools.filter(({ name }) => allowsTool(this.server, name)).slice(0, MOST_TOOLS)
    this.listed = { tools: allowed.map(({ name, description, inputSchema }) => ({ name, description: description ?? '', inputSchema })), atMs: nowMs }
    return this.listed.tools
  }

  /** The result as it came over the wire. Aborting the signal tells the server, and ends the wait at once. */
  async call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<unknown> {
    if (this.running >= MOST_RUNNING) throw new McpFault('busy')
    this.running++
    const timeout = this.server.limits.timeoutMs
    try {
      const result = await this.asked((client) => client.callTool({ name, arguments: args }, { timeout, maxTotalTimeout: timeout, signal }))
      this.timeouts = 0
      this.failures = 0
      return result
    } catch (error) {
      if (signal.aborted) throw new McpFault('cancelled')
      if (error instanceof McpFault && error.kind === 'timeout' && ++this.timeouts >= MOST_TIMEOUTS) await this.drop(error)
      throw error
    } finally {
      this.running--
    }
  }

  /** Ends it for good. */
  async end(): Promise<void> {
    this.isEnded = true
    const connection = await this.connection?.catch(() => null)
    this.connection = null
    await connection?.line.end()
  }

  /** A session that the server has forgotten was no run of ours: it is asked once more, on a new one. */
  private async asked<Answer>(ask: (client: Client) => Promise<Answer>): Promise<Answer> {
    const { client, line } = await this.connected()
    try {
      return await ask(client)
    } catch (error) {
      if (!isSessionGone(error)) throw faultOf(error, line.fault())
      await this.drop(null)
      const renewed = await this.connected()
      return await ask(renewed.client).catch((again: unknown) => {
        throw faultOf(again, renewed.line.fault())
      })
    }
  }

  private async connected(): Promise<Connection> {
    if (this.isEnded) throw new McpFault('unavailable', 'the gateway ends')
    if (this.connection) return this.connection
    if (this.world.clock.monotonicMs() < this.notBeforeMs) throw new McpFault('unavailable', 'left alone after a failure')
    const connection = this.connect()
    this.connection = connection
    connection.catch((fault: McpFault) => {
      if (this.connection === connection) this.fail(fault)
    })
    return connection
  }

  private async connect(): Promise<Connection> {
    const { Client } = await import('@modelcontextprotocol/client')
    const line = await this.world.open(this.server)
    // A sibling process that only asks which protocol is spoken is not worth its start: over stdio the older one is.
    const versionNegotiation = this.server.transport === 'http' ? ({ mode: 'auto' } as const) : undefined
    const forget = () => (this.listed = null)
    const client = new Client(CLIENT, { versionNegotiation, jsonSchemaValidator: NO_SCHEMAS, listChanged: { tools: { autoRefresh: false, onChanged: forget } } })
    try {
      await within(this.server.limits.startMs, client.connect(line.transport, { timeout: this.server.limits.startMs }))
    } catch (error) {
      await line.end()
      throw unavailable(faultOf(error, line.fault()))
    }
    const connection = { client, line, sinceMs: this.world.clock.monotonicMs() }
    client.onclose = () => void this.lost(connection, line.fault() ?? new McpFault('died'))
    this.world.told(this.server, null)
    return connection
  }

  private async lost(connection: Connection, fault: McpFault): Promise<void> {
    const current = await this.connection?.catch(() => null)
    if (current === connection) await this.drop(fault)
  }

  /** Lets the connection go; after a fault the next one has to wait. */
  private async drop(fault: McpFault | null): Promise<void> {
    const connection = this.connection
    this.connection = null
    this.timeouts = 0
    const settled = await connection?.catch(() => null)
    if (settled && this.world.clock.monotonicMs() - settled.sinceMs > STEADY_MS) this.failures = 0
    if (fault && !this.isEnded) this.fail(fault)
    await settled?.line.end()
  }

  private fail(fault: McpFault): void {
    this.connection = null
    this.failures++
    this.notBeforeMs = this.world.clock.monotonicMs() + backoffMs(this.failures)
    if (!this.isEnded) this.world.told(this.server, fault)
  }
}

/** One that cannot be reached is not there, whatever the reason; the reason is for the log. */
function unavailable(fault: McpFault): McpFault {
  return new McpFault('unavailable', [fault.kind, fault.detail].filter(Boolean).join(': '))
}
