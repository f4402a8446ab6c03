import type { ChatEvent, ChatMessage, SealedThought, ToolCall } from '@tollgate/kernel'
import type { OfferedTool } from '@tollgate/mcp'
import type { ChatReply, ServedBy } from './chat-result'

type ToolCallEvent = Extract<ChatEvent, { kind: 'tool_call' }>

/** A call of a tool of ours, as the model wrote it. */
export interface OwnCall {
  readonly tool: OfferedTool
  readonly call: ToolCall
}

/** What an answer held beside its text. `theirs` = calls of the client's own tools, which went out already. */
export interface RoundHeard {
  readonly own: readonly OwnCall[]
  readonly theirs: number
  /** The answer as the next round's history has it. */
  readonly assistant: ChatMessage
}

interface Gathered {
  id: string
  name: string
  arguments: string
  /** Place among the calls that go to the client; null = a tool of ours; undefined = not named yet. */
  place: number | null | undefined
}

const BETWEEN_ROUNDS = '\n\n'

/**
 * The rounds of a call as one reply to its client: text passes as it comes, with a blank line between two rounds' texts;
 * calls of our tools are kept back, since a client would try to run them; calls of its own go to it, numbered anew.
 */
export class ToolReply implements ChatReply {
  /** A provider that seals its thoughts wants them back with the results, whether the client reads them or not. */
  readonly takesSeals = true
  hasBegun = false
  private hasText = false
  private round = { text: '', reasoning: '', thoughts: [] as SealedThought[], openThought: '', calls: new Map<number, Gathered>(), theirs: 0 }

  constructor(
    private readonly reply: ChatReply,
    private readonly tools: ReadonlyMap<string, OfferedTool>,
    private readonly mintId: () => string,
  ) {}

  begin(served: ServedBy): void {
    if (!this.hasBegun) this.reply.begin(served)
    this.hasBegun = true
  }

  push(event: ChatEvent): boolean {
    if (event.kind === 'tool_call') return this.takeCall(event)
    if (event.kind === 'reasoning') return this.takeThought(event)
    if (this.hasText && this.round.text === '' && event.text !== '') this.reply.push({ kind: 'text', text: BETWEEN_ROUNDS, choice: event.choice })
    this.round.text += event.text
    return this.reply.push(event)
  }

  onDrain(resume: () => void): void {
    this.reply.onDrain(resume)
  }

  /** What this round held; the next one begins. */
  endRound(): RoundHeard {
    const { text, reasoning, thoughts, calls, theirs } = this.round
    const own = [...calls.values()].flatMap(({ id, name, arguments: args, place }): OwnCall[] =>
      place === null ? [{ tool: this.tools.get(name)!, call: { id: id === '' ? this.mintId() : id, type: 'function', function: { name, arguments: args } } }] : [],
    )
    const assistant: ChatMessage = {
      role: 'assistant',
      content: text === '' ? null : text,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(thoughts.length === 0 ? {} : { sealed_thoughts: thoughts }),
      tool_calls: own.map(({ call }) => call),
    }
    this.hasText ||= text !== ''
    this.round = { text: '', reasoning: '', thoughts: [], openThought: '', calls: new Map(), theirs: 0 }
    return { own, theirs, assistant }
  }

  private takeThought(event: Extract<ChatEvent, { kind: 'reasoning' }>): boolean {
    this.round.reasoning += event.text
    this.round.openThought += event.text
    if (!event.seal) return this.reply.push(event)
    const { kind, data } = event.seal
    this.round.thoughts.push(kind === 'redacted' ? { type: 'redacted_thinking', data } : { type: 'thinking', thinking: this.round.openThought, signature: data })
    this.round.openThought = ''
    return this.reply.takesSeals ? this.reply.push(event) : true
  }

  private takeCall(event: ToolCallEvent): boolean {
    const known = this.round.calls.get(event.index)
    const call = known ?? { id: '', name: '', arguments: '', place: undefined }
    if (!known) this.round.calls.set(event.index, call)
    call.id = event.id ?? call.id
    call.name = event.name ?? call.name
    call.arguments += event.arguments ?? ''
    if (call.place === null) return true
    if (call.place !== undefined) return this.reply.push({ ...event, index: call.place })
    if (call.name === '') return true
    call.place = this.tools.has(call.name) ? null : this.round.theirs++
    return call.place === null ? true : this.reply.push({ kind: 'tool_call', choice: event.choice, index: call.place, id: call.id, name: call.name, arguments: call.arguments })
  }
}
