import type { FrameDecoder, OnFrame } from './frame-decoder'
import { LineSplitter, type SplitState } from './line-splitter'

const BOM = 0xfeff

/** Newline-delimited JSON (Ollama): every line that is not blank is a frame. */
export class NdjsonDecoder implements FrameDecoder {
  private readonly lines: LineSplitter
  private isFirst = true

  constructor(onFrame: OnFrame, maxLineBytes?: number) {
    this.lines = new LineSplitter((line) => {
      let text = line
      if (this.isFirst) {
        this.isFirst = false
        if (text.charCodeAt(0) === BOM) text = text.slice(1)
      }
      return text.length === 0 || isBlank(text) || onFrame(text)
    }, maxLineBytes)
  }

  push(chunk: Buffer): SplitState {
    return this.lines.push(chunk)
  }

  end(): SplitState {
    return this.lines.end()
  }
}

/** Looks at the first character before trimming: a JSON document never begins with a space here. */
function isBlank(line: string): boolean {
  return line.charCodeAt(0) <= 32 && line.trim() === ''
}
