/** Longest line accepted from an upstream; a longer one is an attack or a fault (security.md, SSRF policy 5). */
export const MAX_LINE_BYTES = 1024 * 1024

/** What became of a push: read on, stop (the reader has had enough), or a line is longer than the limit. */
export type SplitState = 'open' | 'stopped' | 'too_long'

const LF = 10
const CR = 13
const FIRST_BUFFER_BYTES = 4096

/**
 * Cuts bytes into lines at LF, CR or CRLF and hands each over as text. Bytes may be split anywhere, within a character
 * too, since text is only made of whole lines. A line within one chunk is never copied; a line over several chunks is
 * gathered in one buffer that grows by doubling, so one-byte chunks cost no more than their bytes.
 */
export class LineSplitter {
  private state: SplitState = 'open'
  private partial: Buffer | null = null
  private partialBytes = 0
  private skipsLf = false

  /** @param onLine answers false to stop: the rest is not read */
  constructor(
    private readonly onLine: (line: string) => boolean,
    private readonly maxBytes = MAX_LINE_BYTES,
  ) {}

  push(chunk: Buffer): SplitState {
    const { length } = chunk
    let start = 0
    if (this.skipsLf && length > 0) {
      this.skipsLf = false
      if (chunk[0] === LF) start = 1
    }
    let lf = at(chunk, LF, start)
    let cr = at(chunk, CR, start)
    while (this.state === 'open') {
      const end = lf < cr ? lf : cr
      if (end === length) break
      this.line(chunk, start, end)
      start = end + 1
      if (end === cr) {
        if (start === length) this.skipsLf = true
        else if (chunk[start] === LF) start++
        cr = at(chunk, CR, start)
      }
      if (lf < start) lf = at(chunk, LF, start)
    }
    if (this.state === 'open' && start < length) this.keep(chunk, start, length)
    return this.state
  }

  /** The upstream ended: a last line without its line end counts as one. */
  end(): SplitState {
    if (this.state === 'open' && this.partialBytes > 0) this.line(Buffer.alloc(0), 0, 0)
    return this.state
  }

  private line(chunk: Buffer, start: number, end: number): void {
    let text: string
    if (this.partialBytes === 0) {
      if (end - start > this.maxBytes) return this.overflow()
      text = chunk.toString('utf8', start, end)
    } else {
      this.keep(chunk, start, end)
      if (this.state !== 'open') return
      text = this.partial!.toString('utf8', 0, this.partialBytes)
      this.partialBytes = 0
    }
    if (!this.onLine(text)) this.state = 'stopped'
  }

  private keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.partialBytes + end - start
    if (needed > this.maxBytes) return this.overflow()
    if (this.partial === null || this.partial.length < needed) {
      const grown = Buffer.allocUnsafe(Math.max(FIRST_BUFFER_BYTES, 2 * needed))
      this.partial?.copy(grown, 0, 0, this.partialBytes)
      this.partial = grown
    }
    chunk.copy(this.partial, this.partialBytes, start, end)
    this.partialBytes = needed
  }

  private overflow(): void {
    this.state = 'too_long'
    this.partial = null
    this.partialBytes = 0
  }
}

/** Index of a byte from `start`, or the chunk's length when there is none. */
function at(chunk: Buffer, byte: number, start: number): number {
  const index = chunk.indexOf(byte, start)
  return index === -1 ? chunk.length : index
}
