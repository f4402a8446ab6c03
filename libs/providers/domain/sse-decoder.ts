import type { FrameDecoder, OnFrame } from './frame-decoder'
import { LineSplitter, MAX_LINE_BYTES, type SplitState } from './line-splitter'

const BOM = 0xfeff
const COLON = 58
const SPACE = 32
const D = 100

/**
 * Server-sent events: a frame is the data of one event, its `data:` lines joined by LF. Comments, event names, ids and
 * retry hints are skipped. An event without the closing blank line at the end of the stream still counts: several
 * upstreams end with a bare `data: [DONE]`.
 */
export class SseDecoder implements FrameDecoder {
  private readonly lines: LineSplitter
  private data: string | null = null
  private isFirst = true
  private isTooLong = false

  constructor(
    private readonly onFrame: OnFrame,
    private readonly maxBytes = MAX_LINE_BYTES,
  ) {
    this.lines = new LineSplitter((line) => this.line(line), maxBytes)
  }

  push(chunk: Buffer): SplitState {
    const state = this.lines.push(chunk)
    return this.isTooLong ? 'too_long' : state
  }

  end(): SplitState {
    let state = this.lines.end()
    if (state === 'open' && !this.dispatch()) state = 'stopped'
    return this.isTooLong ? 'too_long' : state
  }

  private line(raw: string): boolean {
    if (raw.length === 0) return this.dispatch()
    let line = raw
    if (this.isFirst) {
      this.isFirst = false
      if (line.charCodeAt(0) === BOM) line = line.slice(1)
    }
    if (line.charCodeAt(0) !== D || !line.startsWith('data')) return true
    if (line.length > 4 && line.charCodeAt(4) !== COLON) return true
    const value = line.charCodeAt(5) === SPACE ? line.slice(6) : line.slice(5)
    this.data = this.data === null ? value : `${this.data}\n${value}`
    if (this.data.length > this.maxBytes) {
      this.isTooLong = true
      return false
    }
    return true
  }

  private dispatch(): boolean {
    this.isFirst = false
    const { data } = this
    if (data === null) return true
    this.data = null
    return data.length === 0 || this.onFrame(data)
  }
}
