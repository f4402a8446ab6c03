import type { ServerResponse } from 'node:http'

const PING_MS = 15_000

/**
 * A server-sent event stream over a raw response. Every event is re-serialised JSON, so text can never break the
 * framing (F46). `send` answers false when the reader is slow; `onDrain` tells when to go on.
 */
export class SseStream {
  private readonly ping: NodeJS.Timeout

  /** Sends the head at once. @param headers lower-case names; content type and cache control are added */
  constructor(
    private readonly response: ServerResponse,
    headers: Readonly<Record<string, string | number>>,
  ) {
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-store', 'x-accel-buffering': 'no' })
    this.ping = setInterval(() => response.write(': ping\n\n'), PING_MS)
    this.ping.unref()
  }

  send(data: unknown): boolean {
    return this.response.write(`data: ${JSON.stringify(data)}\n\n`)
  }

  onDrain(resume: () => void): void {
    this.response.once('drain', resume)
  }

  /** Ends the stream; with `[DONE]` only after success. */
  end(isComplete: boolean): void {
    clearInterval(this.ping)
    this.response.end(isComplete ? 'data: [DONE]\n\n' : undefined)
  }

  /** Cuts the connection: the client must not take what it has for a whole answer. */
  destroy(): void {
    clearInterval(this.ping)
    this.response.destroy()
  }
}
