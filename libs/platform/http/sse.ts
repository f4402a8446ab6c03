import type { ServerResponse } from 'node:http'
import { JoinedWrites } from './joined-writes'

/**
 * A server-sent event stream over a raw response. Every event is re-serialised JSON, so text can never break the
 * framing (F46). `send` answers false when the reader is slow; `onDrain` tells when to go on.
 */
export class SseStream {
  private readonly writes: JoinedWrites

  /** @param headers lower-case names; content type and cache control are added @param silence a whole event that says nothing */
  constructor(
    private readonly response: ServerResponse,
    headers: Readonly<Record<string, string | number>>,
    private readonly silence = ': ping\n\n',
  ) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-store', 'x-accel-buffering': 'no', ...headers })
    this.writes = new JoinedWrites(response)
  }

  /** Shows that the stream lives. A reader that is behind has bytes enough. */
  ping(): void {
    if (!this.response.writableNeedDrain) this.writes.write(this.silence)
  }

  send(data: unknown): boolean {
    return this.sendJson(JSON.stringify(data))
  }

  /** @param json one JSON document that `JSON.stringify` wrote: it holds no line break */
  sendJson(json: string): boolean {
    return this.writes.write(`data: ${json}\n\n`)
  }

  /** An event with a name, for dialects whose clients read it. */
  sendEvent(name: string, data: unknown): boolean {
    return this.writes.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  onDrain(resume: () => void): void {
    this.response.once('drain', resume)
  }

  /** Ends the stream; with `[DONE]` only after success. */
  end(isComplete: boolean): void {
    this.writes.end(isComplete ? 'data: [DONE]\n\n' : '')
  }

  /** Cuts the connection: the client must not take what it has for a whole answer. */
  destroy(): void {
    this.writes.destroy()
  }
}
