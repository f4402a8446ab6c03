import type { ServerResponse } from 'node:http'

/** More characters than this do not wait for the end of their turn. */
const MOST_JOINED = 16 * 1024

/**
 * Writes of one turn of the event loop as one: events that came from an upstream in one packet leave in one. Node frames
 * every write by itself, in four buffers. Nothing waits longer than the turn it was written in.
 */
export class JoinedWrites {
  private waiting = ''
  private readonly onTurnsEnd = () => void this.flush()

  constructor(private readonly response: ServerResponse) {}

  /** False when the reader is behind. */
  write(text: string): boolean {
    if (this.waiting === '') process.nextTick(this.onTurnsEnd)
    this.waiting += text
    return this.waiting.length < MOST_JOINED ? !this.response.writableNeedDrain : this.flush()
  }

  /** The last words, and the end of the response. */
  end(text: string): void {
    const last = this.waiting + text
    this.waiting = ''
    this.response.end(last === '' ? undefined : last)
  }

  /** Cuts the connection; what was written in this turn goes with it. */
  destroy(): void {
    this.waiting = ''
    this.response.destroy()
  }

  private flush(): boolean {
    const text = this.waiting
    this.waiting = ''
    // A client that left in this very turn: Node would make an error of a write to it.
    if (this.response.destroyed || text === '') return !this.response.writableNeedDrain
    return this.response.write(text)
  }
}
