import type { ChatReply } from '@tollgate/chat'
import type { ChatEvent } from '@tollgate/kernel'

/** A tool call put together from its deltas. */
export interface CollectedToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** One choice of an answer that is not streamed. */
export interface CollectedChoice {
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly CollectedToolCall[]
}

/** Gathers a whole answer in memory. Its size is bounded by the call's own `max_tokens`. */
export class CollectedReply implements ChatReply {
  private readonly events: ChatEvent[] = []

  begin(): void {}

  push(event: ChatEvent): boolean {
    this.events.push(event)
    return true
  }

  onDrain(): void {}

  /** All text of the first choice. */
  text(): string {
    return this.choice(0).text
  }

  /** Indexes of the choices that came, in order; at least the first. */
  choices(): number[] {
    return [...new Set([0, ...this.events.map((event) => event.choice)])].sort((a, b) => a - b)
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
    return { text: joined('text'), reasoning: joined('reasoning'), toolCalls: [...calls.entries()].sort(([a], [b]) => a - b).map(([, call]) => call) }
  }
}
