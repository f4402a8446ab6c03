import type { ChatEvent, FinishReason } from '@tollgate/kernel'
import type { ReportedUsage } from './reported-usage'

/** An error the upstream reported inside a 200 answer. */
export interface ReplyError {
  /** HTTP-like status the upstream gave with it; null when none. */
  readonly status: number | null
  readonly body: unknown
}

/** What an answer may hold. */
export interface ReplyBounds {
  /** Per choice. At least one token makes one frame with content, so more frames than this are too many. */
  readonly maxTokens: number
  readonly choices: number
  /** Makes ids for tool calls that come without one. */
  readonly idPrefix: string
}

/**
 * What an answer has told so far. Readers (`ollama_openai`, `compatible_openai`) write into it frame by frame; the
 * exchange asks it whether the answer is complete. It also counts, and stops an upstream that ignores its token limit.
 */
export class Reply {
  finishReason: FinishReason | null = null
  /** An explicit end was seen: Ollama's `done:true`, `[DONE]`, or a whole answer. */
  isTerminal = false
  error: ReplyError | null = null
  /** Why a frame could not be read; the answer is then malformed. */
  malformed: string | null = null
  usage: ReportedUsage | null = null
  servedModel: string | null = null
  pushedEvents = 0
  isCut = false
  readonly flags = new Set<string>()
  /** Choices whose finish reason was seen. */
  readonly finishedChoices = new Set<number>()
  private frames = 0
  private isFrameCounted = false
  private lastToolCall = ''
  private readonly toolCalls = new Map<string, { readonly index: number; arguments: string }>()
  private readonly callsOfChoice = new Map<number, number>()

  /** @param emit takes each event */
  constructor(
    private readonly emit: (event: ChatEvent) => void,
    private readonly bounds: ReplyBounds,
  ) {}

  /** Complete, by an explicit end or because every choice has its finish reason; its end marker may never come. */
  get isWhole(): boolean {
    return this.isTerminal || this.finishedChoices.size >= this.bounds.choices
  }

  /** A second choice nobody asked for is not passed on: it would be delivered and paid twice. */
  hasChoice(index: number): boolean {
    if (index < this.bounds.choices) return true
    this.flags.add('unasked_choice')
    return false
  }

  /** Called before each frame, since a frame may hold several events but counts once. */
  startFrame(): void {
    this.isFrameCounted = false
  }

  push(event: ChatEvent): void {
    if (!this.isFrameCounted) {
      this.isFrameCounted = true
      if (++this.frames > this.bounds.maxTokens * this.bounds.choices) this.isCut = true
    }
    if (this.isCut) return
    this.pushedEvents++
    this.emit(event)
  }

  text(text: unknown, choice: number): void {
    if (typeof text === 'string' && text.length > 0) this.push({ kind: 'text', text, choice })
  }

  reasoning(text: unknown, choice: number): void {
    if (typeof text === 'string' && text.length > 0) this.push({ kind: 'reasoning', text, choice })
  }

  /**
   * A fragment of a tool call. `key` names the call within its choice, null means the last one; calls are numbered in
   * order of appearance, get an id if they have none, and keep name and id from their first fragment only.
   */
  toolCall(choice: number, key: string | null, fragment: { id?: unknown; name?: unknown; arguments?: unknown }): void {
    const args = typeof fragment.arguments === 'string' ? fragment.arguments : ''
    const path = key === null && this.lastToolCall !== '' ? this.lastToolCall : `${choice}/${key}`
    this.lastToolCall = path
    const known = this.toolCalls.get(path)
    if (known) {
      known.arguments += args
      if (args) this.push({ kind: 'tool_call', choice, index: known.index, arguments: args })
      return
    }
    const index = this.callsOfChoice.get(choice) ?? 0
    this.callsOfChoice.set(choice, index + 1)
    const id = typeof fragment.id === 'string' && fragment.id ? fragment.id : `call_${this.bounds.idPrefix}${this.toolCalls.size}`
    const name = typeof fragment.name === 'string' ? fragment.name : ''
    this.toolCalls.set(path, { index, arguments: args })
    this.push({ kind: 'tool_call', choice, index, id, name, arguments: args })
  }

  get hasToolCalls(): boolean {
    return this.toolCalls.size > 0
  }

  /** Serial number of the next new tool call: the key of one that its upstream does not name. */
  get nextToolCall(): number {
    return this.toolCalls.size
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

/** A parsed JSON object's field access without prototypes: undefined for anything that is not a plain object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
}
