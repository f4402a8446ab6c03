/** Bounds of what a server may do within one call of a client. Times in ms, sizes in bytes. */
export interface McpLimits {
  /** How often a model may be asked again with results, in one call of a client. */
  readonly rounds: number
  /** Of one tool call. */
  readonly timeoutMs: number
  /** Of one result, as text; the rest is cut, and the model and the client are told. */
  readonly resultBytes: number
  /** Until it answers its first message. */
  readonly startMs: number
}

interface Common {
  readonly name: string
  /** Tools that may be called, exactly or as `read_*`; null = all it has. */
  readonly tools: readonly string[] | null
  /** Tiers whose calls may use it; null = all. */
  readonly tiers: readonly string[] | null
  readonly limits: McpLimits
}

/** A process of the gateway's own machine. It sees nothing of the gateway's environment but what `env` says. */
export interface StdioServer extends Common {
  readonly transport: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

/** A server somewhere else, spoken to over streamable HTTP. */
export interface HttpServer extends Common {
  readonly transport: 'http'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** A server as the operator's file has it. */
export type McpServer = StdioServer | HttpServer

/** May calls of this tier use the server? */
export function servesTier({ tiers }: Pick<McpServer, 'tiers'>, tier: string): boolean {
  return tiers === null || tiers.includes(tier)
}

/** May this tool be called? */
export function allowsTool({ tools }: Pick<McpServer, 'tools'>, tool: string): boolean {
  return tools === null || tools.some((pattern) => (pattern.endsWith('*') ? tool.startsWith(pattern.slice(0, -1)) : pattern === tool))
}
