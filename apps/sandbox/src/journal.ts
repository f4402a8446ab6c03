import { createWriteStream, type WriteStream } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import type { SandboxClock } from './clock'
import type { EndReason } from './script'

/** One request as the sandbox saw it. Times are milliseconds since 1970; `end` is null while it runs. */
export interface LogEntry {
  seq: number
  host: string
  method: string
  path: string
  headers: IncomingHttpHeaders
  /** The JSON body, the raw text when it was no JSON, null when there was none. */
  body: unknown
  model: string
  behaviour: string
  /** The `x-request-id` received. */
  request_id: string | null
  arrived_at: number
  ended_at: number | null
  end: EndReason | null
  status: number | null
  prompt_tokens: number
  /** Tokens written to the caller; the end token counts only when the last line was written. */
  completion_tokens: number
  /** Tokens made, written or not: more than `completion_tokens` after an abort of a whole body or when it is ignored. */
  generated_tokens: number
  /** Bytes of body written. */
  bytes: number
}

/** Totals of one host since its start or its last reset. */
export interface HostStats {
  requests: number
  active: number
  peak: number
  aborted: number
  completed: number
  refused: number
  failed: number
  bytes: number
  /** Tokens made after the caller had gone, by behaviours that ignore the abort. */
  wasted_tokens: number
  byBehaviour: Record<string, number>
  byModel: Record<string, number>
}

const KEPT_ENTRIES = 1000

const freshStats = (active: number): HostStats => ({
  requests: 0,
  active,
  peak: active,
  aborted: 0,
  completed: 0,
  refused: 0,
  failed: 0,
  bytes: 0,
  wasted_tokens: 0,
  byBehaviour: {},
  byModel: {},
})

/** Appends ended entries to a file, one JSON object a line; shared by all hosts of a sandbox. */
export class LogFile {
  private readonly stream: WriteStream

  constructor(path: string) {
    this.stream = createWriteStream(path, { flags: 'a' })
  }

  append(entry: LogEntry): void {
    this.stream.write(`${JSON.stringify(entry)}\n`)
  }

  /** Resolves when every line is on the file. */
  close(): Promise<void> {
    return new Promise((resolve) => this.stream.end(() => resolve()))
  }
}

/** The log and the totals of one host: the truth a gateway's ledger is held against. */
export class Journal {
  private entries: LogEntry[] = []
  private totals = freshStats(0)
  private seq = 0
  /** The host itself is closing its connections, so what breaks off now was not the caller's doing. */
  isHostDown = false

  constructor(
    private readonly host: string,
    private readonly clock: SandboxClock,
    private readonly file?: LogFile,
    private readonly kept = KEPT_ENTRIES,
  ) {}

  open(method: string, path: string, headers: IncomingHttpHeaders): LogEntry {
    const requestId = headers['x-request-id']
    const entry: LogEntry = {
      seq: ++this.seq,
      host: this.host,
      method,
      path,
      headers,
      body: null,
      model: '',
      behaviour: 'ok',
      request_id: typeof requestId === 'string' ? requestId : null,
      arrived_at: this.clock.nowMs(),
      ended_at: null,
      end: null,
      status: null,
      prompt_tokens: 0,
      completion_tokens: 0,
      generated_tokens: 0,
      bytes: 0,
    }
    this.entries.push(entry)
    // Trimmed in large steps: shifting one element a request would cost more than the request.
    if (this.entries.length >= 2 * this.kept) this.entries = this.entries.slice(-this.kept)
    this.totals.requests++
    this.totals.active++
    if (this.totals.active > this.totals.peak) this.totals.peak = this.totals.active
    return entry
  }

  /** Books the names once the body is read; call it once an entry. */
  name(entry: LogEntry, model: string, behaviour: string): void {
    entry.model = model
    entry.behaviour = behaviour
    this.totals.byBehaviour[behaviour] = (this.totals.byBehaviour[behaviour] ?? 0) + 1
    if (model !== '') this.totals.byModel[model] = (this.totals.byModel[model] ?? 0) + 1
  }

  /** Ends an entry; a second call is ignored, so the first reason stands. */
  close(entry: LogEntry, end: EndReason): void {
    if (entry.end !== null) return
    entry.end = end === 'aborted' && this.isHostDown ? 'reset' : end
    entry.ended_at = this.clock.nowMs()
    const totals = this.totals
    totals.active--
    totals.bytes += entry.bytes
    if (entry.end === 'completed') totals.completed++
    else if (entry.end === 'aborted') totals.aborted++
    else if (entry.end === 'refused') totals.refused++
    else totals.failed++
    this.file?.append(entry)
  }

  /** Books tokens made after the caller had gone. */
  waste(entry: LogEntry, tokens: number): void {
    entry.generated_tokens += tokens
    this.totals.wasted_tokens += tokens
  }

  /** The last requests, as many as are kept, oldest first, running ones included. */
  log(): LogEntry[] {
    return this.entries.slice(-this.kept)
  }

  stats(): HostStats {
    return { ...this.totals, byBehaviour: { ...this.totals.byBehaviour }, byModel: { ...this.totals.byModel } }
  }

  /** Empties log and totals; requests still running keep being counted as active. */
  reset(): void {
    this.entries = this.entries.filter((entry) => entry.end === null)
    this.totals = freshStats(this.totals.active)
  }
}
