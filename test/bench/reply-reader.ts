/** One HTTP answer as the load generator judges it. */
export interface Reply {
  readonly status: number
  /** Events of a stream; 0 for other answers. */
  readonly frames: number
  /** Status 200 and, for a stream, `[DONE]` as its last event. */
  readonly isGood: boolean
}

const LF = 10
const CR = 13
const CLOSING_BRACKET = 0x5d

const enum At {
  Head,
  Body,
  Size,
  Chunk,
  ChunkEnd,
  Trailer,
}

/**
 * Reads the answers of one keep-alive connection byte by byte: enough HTTP for what the targets send, at a fraction of
 * a client library's cost. Events are counted by their blank line; only `[DONE]` ends with a bracket, JSON never does.
 */
export class ReplyReader {
  private at: At = At.Head
  private carry: Buffer | null = null
  private left = 0
  private status = 0
  private frames = 0
  private isStream = false
  private isDone = false
  private previous = 0
  private beforePrevious = 0
  private lineLength = 0

  constructor(private readonly onReply: (reply: Reply) => void) {}

  push(data: Buffer): void {
    let position = 0
    while (position < data.length) {
      if (this.at === At.Head) position = this.head(data, position)
      else if (this.at === At.Body || this.at === At.Chunk) position = this.content(data, position)
      else position = this.framing(data, position)
    }
  }

  private head(data: Buffer, position: number): number {
    const bytes = this.carry ? Buffer.concat([this.carry, data]) : data.subarray(position)
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) {
      this.carry = bytes
      return data.length
    }
    const consumed = position + end + 4 - (this.carry?.length ?? 0)
    this.carry = null
    const head = bytes.toString('latin1', 0, end)
    this.status = Number(head.slice(9, 12))
    this.isStream = /\r\ncontent-type: *text\/event-stream/i.test(head)
    this.frames = 0
    this.isDone = false
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    this.left = length ? Number(length[1]) : 0
    this.at = length ? At.Body : At.Size
    if (length && this.left === 0) this.finish()
    return consumed
  }

  private content(data: Buffer, position: number): number {
    const end = Math.min(data.length, position + this.left)
    if (this.isStream) this.count(data, position, end)
    this.left -= end - position
    if (this.left === 0) {
      if (this.at === At.Body) this.finish()
      else this.at = At.ChunkEnd
    }
    return end
  }

  private count(data: Buffer, from: number, to: number): void {
    let { previous, beforePrevious } = this
    for (let i = from; i < to; i++) {
      const byte = data[i]!
      if (byte === LF && previous === LF) {
        this.frames++
        this.isDone = beforePrevious === CLOSING_BRACKET
      }
      beforePrevious = previous
      previous = byte
    }
    this.previous = previous
    this.beforePrevious = beforePrevious
  }

  /** Chunk sizes, the line end after a chunk, and the lines after the last one. */
  private framing(data: Buffer, position: number): number {
    const byte = data[position]!
    if (this.at === At.ChunkEnd) {
      if (byte === LF) this.at = At.Size
    } else if (this.at === At.Size) {
      if (byte === LF) this.at = this.left === 0 ? At.Trailer : At.Chunk
      else if (byte !== CR) this.left = this.left * 16 + Number.parseInt(String.fromCharCode(byte), 16)
    } else if (byte === LF) {
      if (this.lineLength === 0) this.finish()
      this.lineLength = 0
    } else if (byte !== CR) this.lineLength++
    return position + 1
  }

  private finish(): void {
    this.at = At.Head
    this.left = 0
    this.onReply({ status: this.status, frames: this.frames, isGood: this.status === 200 && (!this.isStream || this.isDone) })
  }
}
