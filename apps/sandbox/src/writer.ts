import type { ServerResponse } from 'node:http'
import type { SandboxClock } from './clock'
import { closeWhenIdle } from './idle'
import type { Journal, LogEntry } from './journal'
import type { EndReason, Frame, Script } from './script'

/** How an answer is spread over time and over TCP writes. */
export interface Pace {
  /** Milliseconds before the first byte. */
  delayMs: number
  /** Milliseconds before each frame; 0 lets frames of one turn share a TCP write. */
  gapMs: number
  /** Cuts the body every so many bytes whatever they are; 0 leaves each frame whole. */
  splitBytes: number
  /** Milliseconds between two cuts. */
  splitGapMs: number
  /** Goes on making tokens after the caller has gone, and books them as waste. */
  ignoresAbort: boolean
}

/** Frames written in one turn of the event loop when the gap is 0, so that an endless answer still sees its abort. */
const FRAMES_A_TURN = 64

interface Mark {
  bytes: number
  tokens: number
}

/** Plays one script on one response and books exactly what was written. Stops as soon as the caller's side closes. */
export class Playback {
  private readonly frames: Iterator<Frame>
  private cancel: (() => void) | undefined
  private carry: Buffer = Buffer.alloc(0)
  private marks: Mark[] = []
  private isOver = false
  private startedAtMs = 0

  constructor(
    private readonly response: ServerResponse,
    private readonly script: Script,
    private readonly pace: Pace,
    private readonly entry: LogEntry,
    private readonly journal: Journal,
    private readonly clock: SandboxClock,
  ) {
    this.frames = script.frames[Symbol.iterator]()
  }

  start(): void {
    const { script, pace, entry } = this
    entry.prompt_tokens = script.promptTokens
    this.response.on('close', () => this.closed())
    if (script.isSilent && script.ending === 'hang') return
    const waitMs = pace.delayMs + (script.loadMs ?? 0) + (script.isWhole ? pace.gapMs * script.generatedTokens : 0)
    this.startedAtMs = this.clock.nowMs()
    if (waitMs > 0) this.cancel = this.clock.after(waitMs, () => this.open())
    else this.open()
  }

  private open(): void {
    if (this.isOver) return
    const { script, response, pace } = this
    if (script.isSilent) return this.finish()
    this.entry.status = script.status
    response.writeHead(script.status, script.headers)
    if (!script.isWhole || pace.splitBytes > 0) return this.turn()
    const step = this.frames.next()
    if (step.done) return this.finish()
    this.book(Buffer.byteLength(step.value.data), step.value.tokens)
    this.entry.generated_tokens = script.generatedTokens
    if (script.ending !== 'end') {
      response.write(step.value.data, () => this.finish())
      return
    }
    response.on('finish', () => this.complete())
    response.end(step.value.data)
  }

  /** Writes frames until the turn is full, the gap asks for a pause, or the socket is. */
  private turn(): void {
    const { pace, response } = this
    for (let written = 0; written < FRAMES_A_TURN && !this.isOver; written++) {
      const step = this.frames.next()
      if (step.done) {
        if (this.carry.length > 0) return this.cut(() => this.finish(), true)
        return this.finish()
      }
      const frame = step.value
      this.entry.generated_tokens += frame.tokens
      if (pace.splitBytes > 0) {
        this.carry = Buffer.concat([this.carry, Buffer.from(frame.data as string)])
        this.marks.push({ bytes: this.carry.length, tokens: frame.tokens })
        return this.cut(() => this.pause(), false)
      }
      const isRoomLeft = response.write(frame.data)
      this.book(Buffer.byteLength(frame.data), frame.tokens)
      if (!isRoomLeft) {
        response.once('drain', () => this.pause())
        return
      }
      if (pace.gapMs > 0 || frame.waitMs !== undefined) return this.pause(frame.waitMs)
    }
    if (!this.isOver) setImmediate(() => this.isOver || this.turn())
  }

  private pause(waitMs = this.pace.gapMs): void {
    if (this.isOver) return
    if (waitMs > 0) this.cancel = this.clock.after(waitMs, () => this.isOver || this.turn())
    else setImmediate(() => this.isOver || this.turn())
  }

  /** Writes the carried bytes in pieces of the asked size, one turn each so that no two share a TCP write. */
  private cut(then: () => void, isLast: boolean): void {
    if (this.isOver) return
    const size = this.pace.splitBytes
    if (this.carry.length === 0 || (this.carry.length < size && !isLast)) return then()
    const piece = this.carry.subarray(0, size)
    this.carry = this.carry.subarray(piece.length)
    let tokens = 0
    for (const mark of this.marks) {
      mark.bytes -= piece.length
      if (mark.bytes <= 0) tokens += mark.tokens
    }
    this.marks = this.marks.filter((mark) => mark.bytes > 0)
    const goOn = (): void => this.cut(then, isLast)
    const isRoomLeft = this.response.write(piece)
    this.book(piece.length, tokens)
    if (!isRoomLeft) this.response.once('drain', goOn)
    else if (this.pace.splitGapMs > 0) this.cancel = this.clock.after(this.pace.splitGapMs, goOn)
    else setImmediate(goOn)
  }

  private book(bytes: number, tokens: number): void {
    this.entry.bytes += bytes
    this.entry.completion_tokens += tokens
  }

  private finish(): void {
    if (this.isOver) return
    const { response, script } = this
    if (script.ending === 'hang') return response.flushHeaders()
    if (script.ending === 'end') {
      response.on('finish', () => this.complete())
      response.end()
      return
    }
    // What was written must reach the caller before the socket goes, or the cut would come earlier than the script says.
    const leave = (): void => {
      this.end(script.reason ?? (script.ending === 'reset' ? 'reset' : 'dropped'))
      if (script.ending === 'reset') response.socket?.resetAndDestroy()
      else response.socket?.destroy()
    }
    // No event tells that the last byte is out unless the buffer had been full, hence the look at each turn.
    const flushed = (): void => {
      if (this.isOver) return
      if (response.writableLength > 0 && !response.destroyed) setImmediate(flushed)
      else leave()
    }
    setImmediate(flushed)
  }

  private complete(): void {
    this.end(this.reason())
    const { closeAfterMs, extra } = this.script
    const { socket } = this.response.req
    if (extra?.afterMs === 0) socket.write(extra.data)
    else if (extra) this.clock.after(extra.afterMs, () => socket.write(extra.data))
    if (closeAfterMs !== undefined) closeWhenIdle(socket, this.clock, closeAfterMs)
  }

  private reason(): EndReason {
    return this.script.reason ?? (this.script.status >= 400 ? 'refused' : 'completed')
  }

  private end(reason: EndReason): void {
    this.isOver = true
    this.cancel?.()
    this.journal.close(this.entry, reason)
  }

  /** The caller's side has closed: nothing more is written. */
  private closed(): void {
    if (this.isOver) return
    const { pace, script } = this
    if (script.isWhole && this.entry.status === null && pace.gapMs > 0) {
      const madeMs = this.clock.nowMs() - this.startedAtMs - pace.delayMs
      this.entry.generated_tokens = Math.max(0, Math.min(script.generatedTokens, Math.floor(madeMs / pace.gapMs)))
    }
    this.end('aborted')
    if (pace.ignoresAbort) this.goOnUnheard()
  }

  private goOnUnheard(): void {
    if (this.script.isWhole) {
      this.journal.waste(this.entry, Math.max(0, this.script.generatedTokens - this.entry.generated_tokens))
      return
    }
    const step = this.frames.next()
    if (step.done) return
    this.journal.waste(this.entry, step.value.tokens)
    this.clock.after(this.pace.gapMs, () => this.goOnUnheard())
  }
}
