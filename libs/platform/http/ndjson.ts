import type { ServerResponse } from 'node:http'
import { JoinedWrites } from './joined-writes'

/**
 * Newline-delimited JSON over a raw response, as Ollama's clients read it. The head goes out with the first object, so
 * a refusal before it has its true status. `send` answers false when the reader is slow; `onDrain` tells when to go on.
 */
export class NdjsonStream {
  private readonly writes: JoinedWrites

  /** @param headers lower-case names; content type and cache control are added */
  constructor(
    private readonly response: ServerResponse,
    headers: Readonly<Record<string, string | number>>,
  ) {
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store', 'x-accel-buffering': 'no', ...headers })
    this.writes = new JoinedWrites(response)
  }

  send(data: unknown): boolean {
    return this.sendJson(JSON.stringify(data))
  }

  /** @param json one JSON document that `JSON.stringify` wrote: it holds no line break */
  sendJson(json: string): boolean {
    return this.writes.write(`${json}\n`)
  }

  /** Shows that the stream lives, by an object that says nothing. A reader that is behind has bytes enough. */
  ping(silence: unknown): void {
    if (!this.response.writableNeedDrain) this.send(silence)
  }

  onDrain(resume: () => void): void {
    this.response.once('drain', resume)
  }

  /** Ends the stream after a last object. */
  end(data: unknown): void {
    this.writes.end(`${JSON.stringify(data)}\n`)
  }

  /** Cuts the connection: the client must not take what it has for a whole answer. */
  destroy(): void {
    this.writes.destroy()
  }
}
