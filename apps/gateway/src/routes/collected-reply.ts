import type { ChatReply } from '@tollgate/chat'
import type { ChatEvent, TokenLogprob } from '@tollgate/kernel'

/** A tool call put together from its deltas. */
export interface CollectedToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** One choice of an answer that is not streamed. */
export interface CollectedChoice {
  /** All that was said. */
  readonly text: string
  /** The part of it that is a model's refusal to answer: OpenAI's clients read it apart. */
  readonly refusal: string
  readonly reasoning: string
  readonly toolCalls: readonly CollectedToolCall[]
  readonly logprobs: readonly TokenLogprob[]
}

/** Gathers a whole answer in memory. Its size is bounded by the call's own `max_tokens`. */
export class CollectedReply implements ChatReply {
  readonly takesSeals = true
  private readonly events: ChatEvent[] = []

  begin(): void {}

  push(event: ChatEvent): boolean {
    this.events.push(event)
    return true
  }

  onDrain(): void {}

  /** Every event, in the order they came. */
  all(): readonly ChatEvent[] {
    return this.events
  }

  /** All text of the first choice. */
  text(): string {
    return this.choice(0).text
  }

  choice(index: number): CollectedChoice {
    const own = this.events.filter((event) => event.choice === index)
    const joined = (kind: 'text' | 'reasoning') => own.map((event) => (event.kind === kind ? event.text : '')).join('')
    const calls = new Map<number, { id: string; name: string; arguments: string }>()
    for (const event of own) {
      if (event.kind !== 'tool_call') continue
      const call = calls.get(event.index) ?? { id: '', name: '', arguments: '' }
      calls.set(event.index, { id: event.id ?? call.id, name: event.name ?? call.name, arguments: call.arguments + (event.arguments ?? '') })
    }
    const texts = own.flatMap((event) => (event.kind === 'text' ? [event] : []))
    const refusal = texts.map((event) => (event.isRefusal ? event.text : '')).join('')
    const logprobs = texts.flatMap((event) => event.logprobs ?? [])
    return { text: joined('text'), refusal, reasoning: joined('reasoning'), logprobs, toolCalls: [...calls.entries()].sort(([a], [b]) => a - b).map(([, call]) => call) }
  }
}
