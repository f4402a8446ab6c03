import type { ChatEvent, FinishReason, TokenLogprob } from '@tollgate/kernel'
import { countWords } from '@tollgate/pricing'
import { CallNumbers } from './call-numbers'
import type { ReportedUsage } from './reported-usage'
import { ANY_TOOL, type ToolRule } from './tool-rule'

/** An error the upstream reported inside a 200 answer. */
export interface ReplyError {
  /** HTTP-like status the upstream gave with it; null when none. */
  readonly status: number | null
  readonly body: unknown
}

/** What an answer may hold. */
export interface ReplyBounds {
  /** Per choice. At least one token makes a frame with content, and a word: more of either than this is too much. */
  readonly maxTokens: number
  readonly choices: number
  /** Makes ids for tool calls that come without one. */
  readonly idPrefix: string
  /** Which tools may be called, and how many calls; absent = any. */
  readonly tools?: ToolRule
}

/**
 * What an answer has told so far. Readers (`ollama_openai`, `compatible_openai`) write into it frame by frame; the
 * exchange asks it whether the answer is complete. It also counts, and stops an upstream that ignores its token limit.
 */
export class Reply {
  /** An explicit end was seen: Ollama's `done:true`, `[DONE]`, or a whole answer. */
  isTerminal = false
  error: ReplyError | null = null
  /** Why a frame could not be read; the answer is then malformed. */
  malformed: string | null = null
  usage: ReportedUsage | null = null
  servedModel: string | null = null
  /** The upstream's own id of the answer, where its dialect has one; never shown to a tenant. */
  answerId: string | null = null
  /** The stop sequence that ended the answer, where an upstream names it; else null. */
  stopSequence: string | null = null
  vectors: readonly (readonly number[])[] | null = null
  pushedEvents = 0
  /** Bytes of text, thought, names and arguments that were passed on. */
  pushedBytes = 0
  /** Part of the answer was thought that cannot be read: nobody can count it. */
  hasHiddenThought = false
  readonly flags = new Set<string>()
  /** For readers of dialects that number the calls of a choice. */
  readonly callNumbers = new CallNumbers()
  private readonly finished = new Map<number, FinishReason>()
  private readonly cut = new Set<number>()
  /** By choice: tokens there must have been, and the frame that was counted last. */
  private readonly produced: number[]
  private readonly countedFrame: number[]
  private frame = 0
  private lastChoice = 0
  private lastToolCall = ''
  private readonly toolCalls = new Map<string, { readonly choice: number; readonly index: number; arguments: string }>()
  private readonly droppedCalls = new Set<string>()
  private readonly callsOfChoice = new Map<number, number>()

  /** @param emit takes each event */
  constructor(
    private readonly emit: (event: ChatEvent) => void,
    private readonly bounds: ReplyBounds,
  ) {
    this.produced = new Array<number>(bounds.choices).fill(0)
    this.countedFrame = new Array<number>(bounds.choices).fill(-1)
  }

  /** Complete, by an explicit end or because every choice has its finish reason; its end marker may never come. */
  get isWhole(): boolean {
    return this.isTerminal || this.finished.size >= this.bounds.choices
  }

  /** Every choice has ended, and one of them because it was longer than it may be: the upstream can be closed. */
  get isCut(): boolean {
    return this.cut.size > 0 && this.isWhole
  }

  /** A choice was longer than it may be and was cut: what the upstream counts is not what was delivered. */
  get hasCut(): boolean {
    return this.cut.size > 0
  }

  /** A second choice nobody asked for is not passed on: it would be delivered and paid twice. */
  hasChoice(index: number): boolean {
    if (index < this.bounds.choices) return true
    this.flags.add('unasked_choice')
    return false
  }

  /** Notes why a choice ended; the first reason of each counts. */
  finish(choice: number, reason: FinishReason): void {
    if (!this.finished.has(choice)) this.finished.set(choice, reason)
  }

  /** Why the answer ended: the first choice's reason, else the first that came; null when none did. */
  get finishReason(): FinishReason | null {
    return this.finished.get(0) ?? this.finished.values().next().value ?? null
  }

  /** Why each choice that came ended. One without a reason ended as its content tells. */
  finishReasons(): FinishReason[] {
    const came = Math.max(this.lastChoice, ...this.finished.keys()) + 1
    return Array.from({ length: came }, (_, choice) => {
      const reason = this.finished.get(choice) ?? (this.hasCallsOf(choice) ? 'tool_calls' : 'stop')
      return reason === 'tool_calls' && this.droppedCalls.size > 0 && !this.hasCallsOf(choice) ? 'stop' : reason
    })
  }

  /** The request demands a tool call, and a choice ended of itself without one. */
  get lacksToolCall(): boolean {
    return this.bounds.tools?.isRequired === true && this.finishReasons().some((reason, choice) => (reason === 'stop' || reason === 'tool_calls') && !this.hasCallsOf(choice))
  }

  /** Called before each frame, since a frame may hold several events but counts at least one token. */
  startFrame(): void {
    this.frame++
  }

  push(event: ChatEvent): void {
    const { choice } = event
    if (this.cut.has(choice)) return
    if (choice > this.lastChoice) this.lastChoice = choice
    const words = event.kind === 'tool_call' ? 1 : Math.max(1, countWords(event.text))
    const isCounted = this.countedFrame[choice] === this.frame
    this.countedFrame[choice] = this.frame
    const left = this.bounds.maxTokens - this.produced[choice]!
    const more = isCounted && words === 1 ? 0 : words
    this.produced[choice]! += more
    if (more <= left) return this.pass(event)
    if (event.kind !== 'tool_call' && left > 0) this.pass({ ...event, text: firstWords(event.text, left) })
    this.cut.add(choice)
    this.finished.set(choice, 'length')
  }

  private pass(event: ChatEvent): void {
    this.pushedEvents++
    this.pushedBytes += Buffer.byteLength(event.kind === 'tool_call' ? `${event.name ?? ''}${event.arguments ?? ''}` : event.text)
    this.emit(event)
  }

  /** @param logprobs of the tokens of this text, where the upstream gives them */
  text(text: unknown, choice: number, logprobs?: readonly TokenLogprob[]): void {
    if (typeof text !== 'string' || (text.length === 0 && logprobs === undefined)) return
    this.push(logprobs === undefined ? { kind: 'text', text, choice } : { kind: 'text', text, choice, logprobs })
  }

  refusal(text: unknown, choice: number): void {
    if (typeof text === 'string' && text.length > 0) this.push({ kind: 'text', text, choice, isRefusal: true })
  }

  /** A seal is no token of the answer. */
  seal(kind: 'signature' | 'redacted', data: unknown, choice: number): void {
    if (kind === 'redacted') this.hasHiddenThought = true
    if (typeof data === 'string' && data.length > 0 && !this.cut.has(choice)) this.pass({ kind: 'reasoning', text: '', choice, seal: { kind, data } })
  }

  reasoning(text: unknown, choice: number): void {
    if (typeof text === 'string' && text.length > 0) this.push({ kind: 'reasoning', text, choice })
  }

  /**
   * A fragment of a tool call. `key` names the call within its choice, null means the last one; calls are numbered in
   * order of appearance, get an id if they have none, and keep name and id from their first fragment only. What the
   * request's tool choice does not allow is dropped and flagged: some upstreams do not know the choice. A whole call
   * that comes again is told once (T16, 30): nothing may follow whole arguments, so it can be nothing else.
   */
  toolCall(choice: number, key: string | null, fragment: { id?: unknown; name?: unknown; arguments?: unknown }): void {
    const args = typeof fragment.arguments === 'string' ? fragment.arguments : ''
    const path = key === null && this.lastToolCall !== '' ? this.lastToolCall : `${choice}/${key}`
    this.lastToolCall = path
    const known = this.toolCalls.get(path)
    if (known) {
      if (args !== '' && args === known.arguments && isWholeObject(args)) {
        this.flags.add('repeated_tool_call')
        return
      }
      known.arguments += args
      if (args) this.push({ kind: 'tool_call', choice, index: known.index, arguments: args })
      return
    }
    if (this.droppedCalls.has(path)) return
    const index = this.callsOfChoice.get(choice) ?? 0
    const { only, most } = this.bounds.tools ?? ANY_TOOL
    if (index >= most || (only !== null && fragment.name !== only)) {
      this.droppedCalls.add(path)
      this.flags.add('unasked_tool_call')
      return
    }
    this.callsOfChoice.set(choice, index + 1)
    const id = typeof fragment.id === 'string' && fragment.id ? fragment.id : `call_${this.bounds.idPrefix}${this.toolCalls.size}`
    const name = typeof fragment.name === 'string' ? fragment.name : ''
    this.toolCalls.set(path, { choice, index, arguments: args })
    this.push({ kind: 'tool_call', choice, index, id, name, arguments: args })
  }

  get hasToolCalls(): boolean {
    return this.toolCalls.size > 0
  }

  private hasCallsOf(choice: number): boolean {
    return (this.callsOfChoice.get(choice) ?? 0) > 0
  }

  /** Serial number of the next new tool call: the key of one that its upstream does not name. */
  get nextToolCall(): number {
    return this.toolCalls.size + this.droppedCalls.size
  }

  /** True when every tool call's arguments are whole JSON; a cut one must not pass for a finished answer (T16, 31). */
  hasWholeToolCalls(): boolean {
    for (const call of this.toolCalls.values()) {
      if (call.arguments === '') continue
      try {
        JSON.parse(call.arguments)
      } catch {
        return false
      }
    }
    return true
  }
}

function isWholeObject(text: string): boolean {
  try {
    return asObject(JSON.parse(text)) !== null
  } catch {
    return false
  }
}

/** A text up to the end of its `count`-th word. */
function firstWords(text: string, count: number): string {
  const words = /\S+/g
  for (let word = 0; word < count; word++) if (!words.exec(text)) return text
  return text.slice(0, words.lastIndex)
}

/** A parsed JSON object's field access without prototypes: undefined for anything that is not a plain object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
}
