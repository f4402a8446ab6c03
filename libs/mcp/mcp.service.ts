import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { Metrics } from '@tollgate/platform/metrics'
import { addressPolicyOf, checkBaseUrl } from '@tollgate/platform/outbound'
import { LOGGER } from '@tollgate/platform/process'
import { FAULTS, McpFault } from './domain/mcp-fault'
import { servesTier, type McpServer } from './domain/mcp-server'
import { offerTools, type OfferedTool } from './domain/offered-tool'
import { failureText, toolText, type ToolText } from './domain/tool-result'
import { openLine } from './server-line'
import { ServerSession } from './server-session'

/** Tools for one call of a client, and what is to be told of those that are not there. */
export interface Offer {
  readonly tools: readonly OfferedTool[]
  /** How often the model may be asked again: the least that any of their servers allows. */
  readonly rounds: number
  readonly warnings: readonly string[]
}

/** How a tool call ended. */
export interface ToolOutcome extends ToolText {
  /** `ok`, `failed` (the tool says so itself), or a kind of fault. */
  readonly outcome: string
  readonly durationMs: number
}

/** Of one call of a client; more definitions cost more than they help. */
const MOST_OFFERED = 128

/** The operator's tool servers: what they offer, and their calls. Nothing here throws for what a server does. */
@Injectable()
export class McpService implements OnApplicationShutdown {
  private readonly sessions = new Map<string, ServerSession>()

  constructor(
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
    private readonly metrics: Metrics,
  ) {}

  /** Takes the servers of the operator's file, once, and begins to connect to them. @returns what is wrong with an address, by server */
  configure(servers: readonly McpServer[]): readonly { readonly server: string; readonly reason: string }[] {
    const policy = addressPolicyOf(this.config)
    const wrong = servers.flatMap((server) => {
      const verdict = server.transport === 'http' ? checkBaseUrl(server.url, policy) : ({ ok: true } as const)
      return verdict.ok ? [] : [{ server: server.name, reason: verdict.reason }]
    })
    if (wrong.length > 0) return wrong
    const world = { clock: this.clock, open: (server: McpServer) => openLine(server, policy), told: (server: McpServer, fault: McpFault | null) => this.note(server, fault) }
    for (const server of servers) {
      const session = new ServerSession(server, world)
      this.sessions.set(server.name, session)
      void session.tools().catch(() => undefined)
    }
    return []
  }

  /**
   * What these servers offer to a call of this tier. A server that is not there is left out with a warning; one that the
   * tier may not use is left out in silence, as its model's tools are part of what a tier sells.
   * @param taken names of the caller's own tools
   */
  async offer(names: readonly string[], tier: string, taken: ReadonlySet<string>): Promise<Offer> {
    const warnings: string[] = []
    const tools: OfferedTool[] = []
    const rounds: number[] = []
    const used = new Set(taken)
    for (const name of names) {
      const session = this.sessions.get(name)
      if (session && !servesTier(session.server, tier)) continue
      const listed = session ? await session.tools().catch(asFault) : null
      if (!session || !Array.isArray(listed)) {
        warnings.push(`tools of ${name} were not offered: ${listed instanceof McpFault ? FAULTS[listed.kind] : 'this gateway does not have its server'}`)
        continue
      }
      const { offered, tooLarge } = offerTools(name, listed, used)
      const room = Math.max(0, MOST_OFFERED - tools.length)
      if (tooLarge.length > 0) warnings.push(`tools of ${name} were not offered, since their schemas are too large: ${tooLarge.slice(0, 5).join(', ')}`)
      if (offered.length > room) warnings.push(`${offered.length - room} tools of ${name} were not offered: a call has ${MOST_OFFERED} at most`)
      for (const tool of offered.slice(0, room)) {
        used.add(tool.alias)
        tools.push(tool)
      }
      rounds.push(session.server.limits.rounds)
    }
    return { tools, rounds: Math.min(...rounds), warnings }
  }

  /** Runs a tool within its server's bounds. A fault is a text for the model, as a failed tool is. */
  async call({ server, tool }: OfferedTool, args: Record<string, unknown>, signal: AbortSignal): Promise<ToolOutcome> {
    const startedMs = this.clock.monotonicMs()
    const session = this.sessions.get(server)!
    const done = (outcome: string, text: ToolText): ToolOutcome => {
      const durationMs = Math.round(this.clock.monotonicMs() - startedMs)
      this.metrics.toolCall({ server, tool, outcome, durationMs })
      return { ...text, outcome, durationMs }
    }
    try {
      const text = toolText(await session.call(tool, args, signal), session.server.limits.resultBytes)
      return done(text.isError ? 'failed' : 'ok', text)
    } catch (error) {
      const fault = asFault(error)
      return done(fault.kind, failureText(FAULTS[fault.kind] + (fault.told === '' ? '' : `: ${fault.told}`)))
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.sessions.values()].map((session) => session.end()))
  }

  private note(server: McpServer, fault: McpFault | null): void {
    const { name, transport } = server
    this.metrics.toolServer(name, fault?.kind ?? 'connected')
    if (fault) this.logger.warn({ server: name, transport, fault: fault.kind, reason: withoutSecrets(fault.detail, server) }, 'a tool server failed')
    else this.logger.info({ server: name, transport }, 'a tool server is connected')
  }
}

function asFault(error: unknown): McpFault {
  return error instanceof McpFault ? error : new McpFault('unavailable', String(error))
}

/** A server may say back what it was sent. */
function withoutSecrets(text: string, server: McpServer): string {
  const values = Object.values(server.transport === 'http' ? server.headers : server.env).flatMap((value) => [value, ...value.split(' ')])
  return values.filter((value) => value.length > 3).reduce((told, value) => told.replaceAll(value, '[redacted]'), text)
}
