import type { ChatEvent, FinishReason, Usage } from '@tollgate/kernel'
import { PartsInTurn, type OpenPart } from '../parts-in-turn'

/** An event of a message's stream; its name is its `type`. */
export interface MessageEvent {
  readonly type: string
  readonly [field: string]: unknown
}

type Block = { type: string; [field: string]: unknown }

interface OpenBlock extends OpenPart {
  readonly block: Block
}

const TEXT = -1
const THINKING = -2

const STOP_REASONS: Readonly<Record<FinishReason, string>> = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', content_filter: 'refusal' }

/** Why an answer ended, in Anthropic's words, when no stop sequence is known to have ended it. */
export function stopReasonOf(reason: FinishReason): string {
  return STOP_REASONS[reason]
}

/** Token counts as Anthropic's clients read them: `input_tokens` leaves out what a cache held or took. */
export function anthropicUsage({ promptTokens, completionTokens, cachedTokens, cacheWriteTokens }: Usage): Record<string, number> {
  return { input_tokens: Math.max(0, promptTokens - cachedTokens - cacheWriteTokens), cache_creation_input_tokens: cacheWriteTokens, cache_read_input_tokens: cachedTokens, output_tokens: completionTokens }
}

/**
 * Builds the blocks of a message from the corridor's events, and tells each step as the stream's events: a block starts,
 * its deltas follow, it stops before the next one starts.
 */
export class MessageBlocks extends PartsInTurn<OpenBlock> {
  readonly content: Block[] = []

  /** @param emit takes each event; answers false when the reader is slow */
  constructor(private readonly emit: (event: MessageEvent) => boolean) {
    super()
  }

  push(event: ChatEvent): boolean {
    if (event.kind === 'reasoning' && event.seal) return this.seal(event.seal)
    return this.take(event.kind === 'text' ? TEXT : event.kind === 'reasoning' ? THINKING : event.index, event)
  }

  /** A signature closes the block that it signs: what is thought after it is another. A redacted thought is a block of its own. */
  private seal({ kind, data }: { kind: 'signature' | 'redacted'; data: string }): boolean {
    if (kind === 'redacted') {
      this.close()
      this.content.push({ type: 'redacted_thinking', data })
      const index = this.content.length - 1
      this.emit({ type: 'content_block_start', index, content_block: { type: 'redacted_thinking', data } })
      return this.emit({ type: 'content_block_stop', index })
    }
    if (this.open?.key !== THINKING) return true
    this.open.block.signature = data
    const isReady = this.emit({ type: 'content_block_delta', index: this.content.length - 1, delta: { type: 'signature_delta', signature: data } })
    this.close()
    return isReady
  }

  /** Ends the last block. */
  finish(): void {
    this.flush(true)
    this.close()
  }

  protected begin(key: number, event: ChatEvent): void {
    this.close()
    // Its signature follows where the provider that thought gives one; none is ever made up.
    const block: Block =
      event.kind === 'text' ? { type: 'text', text: '', citations: null } : event.kind === 'reasoning' ? { type: 'thinking', thinking: '', signature: '' } : { type: 'tool_use', id: event.id ?? `toolu_${key}`, name: event.name ?? '', input: {} }
    this.content.push(block)
    this.open = { block, key, text: '' }
    this.emit({ type: 'content_block_start', index: this.content.length - 1, content_block: { ...block } })
  }

  protected delta(event: ChatEvent): boolean {
    const text = event.kind === 'tool_call' ? (event.arguments ?? '') : event.text
    if (text === '') return true
    this.open!.text += text
    const delta = event.kind === 'text' ? { type: 'text_delta', text } : event.kind === 'reasoning' ? { type: 'thinking_delta', thinking: text } : { type: 'input_json_delta', partial_json: text }
    return this.emit({ type: 'content_block_delta', index: this.content.length - 1, delta })
  }

  private close(): void {
    if (!this.open) return
    const { block, key, text } = this.open
    if (key === TEXT) block.text = text
    else if (key === THINKING) block.thinking = text
    else block.input = inputOf(text)
    this.emit({ type: 'content_block_stop', index: this.content.length - 1 })
    this.leave()
  }
}

function inputOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text || '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { value }
  } catch {
    return { value: text }
  }
}
