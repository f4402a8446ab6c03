import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client'
import type { StdioServer } from './domain/mcp-server'
import { McpFault } from './domain/mcp-fault'
import { spawnServer, type LeashedServer } from './stdio-leash'

/** One message. A result is cut to far less before a model sees it. */
const MOST_MESSAGE_BYTES = 4 * 1024 * 1024
/** What may come without an answer to anything among it. */
const MOST_UNASKED_BYTES = 8 * 1024 * 1024
/** Lines that are no message, between two that are: noise of a library is suffered, a broken server is not. */
const MOST_NOISE_LINES = 100
const MOST_STDERR_CHARS = 1_000
const NEWLINE = 0x0a

/** Messages to and from a process of ours, one a line, within bounds of what it may send. */
export class StdioLine implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: Transport['onmessage']
  /** Why it was closed, where that was not our wish. */
  fault: McpFault | null = null
  private leashed: LeashedServer | null = null
  private readonly held: Buffer[] = []
  private heldBytes = 0
  private unaskedBytes = 0
  private noiseLines = 0
  private isClosed = false
  private stderr = ''

  constructor(private readonly server: StdioServer) {}

  async start(): Promise<void> {
    this.leashed = spawnServer(this.server)
    const { child } = this.leashed
    child.once('error', (error) => this.end(new McpFault('died', error.message)))
    child.once('close', (code, signal) => this.end(new McpFault('died', `ended with ${signal ?? code}${this.lastWords()}`)))
    child.stdout!.on('data', (chunk: Buffer) => this.take(chunk))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      // Once it has spoken the protocol it may tell of calls, and nothing of those is kept.
      if (this.unaskedBytes === 0) this.stderr = (this.stderr + text).slice(-MOST_STDERR_CHARS)
    })
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const { child } = this.leashed ?? {}
    if (this.isClosed || !child?.stdin?.writable) throw this.fault ?? new McpFault('died')
    await new Promise<void>((resolve, reject) => child.stdin!.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(new McpFault('died', error.message)) : resolve())))
  }

  async close(): Promise<void> {
    this.end(null)
  }

  private end(fault: McpFault | null): void {
    if (this.isClosed) return
    this.isClosed = true
    this.fault = fault
    this.held.length = 0
    this.leashed?.letGo()
    this.leashed?.child.stdout?.removeAllListeners('data').destroy()
    this.leashed?.child.stderr?.destroy()
    this.onclose?.()
  }

  private take(chunk: Buffer): void {
    this.unaskedBytes += chunk.length
    if (this.unaskedBytes > MOST_UNASKED_BYTES) return this.end(new McpFault('flooded', 'too much without an answer'))
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0 && !this.isClosed; at = chunk.indexOf(NEWLINE, from)) {
      this.hold(chunk.subarray(from, at))
      from = at + 1
      this.line(Buffer.concat(this.held).toString('utf8').trim())
      this.held.length = 0
      this.heldBytes = 0
    }
    if (!this.isClosed) this.hold(chunk.subarray(from))
  }

  private hold(part: Buffer): void {
    this.held.push(part)
    this.heldBytes += part.length
    if (this.heldBytes > MOST_MESSAGE_BYTES) this.end(new McpFault('flooded', 'a message over 4 MiB'))
  }

  private line(text: string): void {
    if (text === '' || this.isClosed) return
    const message = messageOf(text)
    if (!message) {
      if (++this.noiseLines > MOST_NOISE_LINES) this.end(new McpFault('malformed', 'lines that are no messages'))
      return
    }
    this.noiseLines = 0
    if ('id' in message && !('method' in message)) this.unaskedBytes = 1
    this.onmessage?.(message)
  }

  /** What it said before it spoke the protocol. */
  private lastWords(): string {
    const said = this.stderr.trim()
    return said === '' ? '' : `: ${said}`
  }
}

function messageOf(text: string): JSONRPCMessage | null {
  try {
    const value = JSON.parse(text) as JSONRPCMessage | null
    return typeof value === 'object' && value !== null && (value as { jsonrpc?: unknown }).jsonrpc === '2.0' ? value : null
  } catch {
    return null
  }
}
