import type { Transport } from '@modelcontextprotocol/client'
import type { AddressPolicy } from '@tollgate/platform/outbound'
import { boundedFetch } from '@tollgate/platform/outbound'
import type { McpServer } from './domain/mcp-server'
import type { McpFault } from './domain/mcp-fault'
import { StdioLine } from './stdio-line'

/** Of one answer, a listening stream included. */
const MOST_ANSWER_BYTES = 8 * 1024 * 1024

/** A way to a server, good for one connection. */
export interface ServerLine {
  readonly transport: Transport
  /** Why it closed by itself, where that is known. */
  fault(): McpFault | null
  /** Ends it for good: the process, or the connections. */
  end(): Promise<void>
}

/** Opens ways to servers. HTTP goes by the address policy of hosts: an entry of a file is no reason to reach a metadata service. */
export async function openLine(server: McpServer, policy: AddressPolicy): Promise<ServerLine> {
  if (server.transport === 'stdio') {
    const line = new StdioLine(server)
    return { transport: line, fault: () => line.fault, end: () => line.close() }
  }
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
  const bounded = boundedFetch(policy, MOST_ANSWER_BYTES)
  const transport = new StreamableHTTPClientTransport(new URL(server.url), {
    requestInit: { headers: server.headers },
    fetch: (url, init) => bounded.ask(url, init),
    onInsufficientScope: 'throw',
    reconnectionOptions: { initialReconnectionDelay: 1_000, maxReconnectionDelay: 30_000, reconnectionDelayGrowFactor: 2, maxRetries: 2 },
  })
  return {
    transport,
    fault: () => null,
    async end() {
      await transport.close().catch(() => undefined)
      await bounded.close().catch(() => undefined)
    },
  }
}
