import type { FinishReason } from '@tollgate/kernel'
import { asObject, type Reply } from './reply'
import { readCount, valueOf, type ReportedUsage } from './reported-usage'

type Fields = Readonly<Record<string, unknown>>

const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop', stop_sequence: 'stop', pause_turn: 'stop', max_tokens: 'length', model_context_window_exceeded: 'length', tool_use: 'tool_calls', refusal: 'content_filter',
}

/** HTTP-like status of an error that comes inside a 200 stream. */
const STATUS: Readonly<Record<string, number>> = { invalid_request_error: 400, authentication_error: 401, billing_error: 402, permission_error: 403, not_found_error: 404, request_too_large: 413, rate_limit_error: 429, api_error: 500, timeout_error: 504, overloaded_error: 529 }

/**
 * Reads Anthropic's events, or its whole message, into the reply. One reader per call: counts of the prompt come with
 * the first event and those of the completion, cumulative, with the last.
 */
export class AnthropicReader {
  private counts: Fields = {}
  /** Blocks are numbered in their order and come one after another: the last that began, and whether it has ended. */
  private lastBlock = -1
  private isBlockOpen = false

  readonly read = (reply: Reply, text: string, isWhole: boolean): void => {
    reply.startFrame()
    const event = parse(text)
    if (!event) reply.malformed = isWhole ? 'answer is not a JSON object' : 'frame is not a JSON object'
    else if (event.type === 'error' || (event.error !== undefined && event.error !== null)) {
      const kind = asObject(event.error)?.type
      reply.error = { status: typeof kind === 'string' && Object.hasOwn(STATUS, kind) ? STATUS[kind]! : null, body: event }
    } else if (isWhole) this.whole(reply, event)
    else this.event(reply, event)
  }

  private whole(reply: Reply, message: Fields): void {
    if (!Array.isArray(message.content)) {
      reply.malformed = 'answer without content'
      return
    }
    noteModel(reply, message)
    for (const [index, item] of message.content.entries()) this.begin(reply, index, asObject(item), true)
    this.end(reply, message, asObject(message.usage))
    reply.isTerminal = true
  }

  private event(reply: Reply, event: Fields): void {
    const index = typeof event.index === 'number' ? event.index : 0
    switch (event.type) {
      case 'message_start': {
        const message = asObject(event.message) ?? {}
        noteModel(reply, message)
        // Its count of the completion is of the first token only; the true one comes with message_delta.
        const { output_tokens: _, ...counts } = asObject(message.usage) ?? {}
        this.counts = counts
        return
      }
      case 'content_block_start':
        if (index <= this.lastBlock) {
          reply.malformed = `block ${index} began after block ${this.lastBlock}`
          return
        }
        this.open(index)
        return this.begin(reply, index, asObject(event.content_block), false)
      case 'content_block_delta':
        // Told twice or out of order (T16, 30): what a client would put together of it is not what the model said.
        if (index > this.lastBlock) this.open(index)
        if (index !== this.lastBlock || !this.isBlockOpen) reply.malformed = `part of block ${index}, which is not open`
        else delta(reply, index, asObject(event.delta))
        return
      case 'content_block_stop':
        this.isBlockOpen = false
        return
      case 'message_delta':
        return this.end(reply, asObject(event.delta) ?? {}, asObject(event.usage))
      case 'message_stop':
        reply.isTerminal = true
    }
  }

  private open(index: number): void {
    this.lastBlock = index
    this.isBlockOpen = true
  }

  private begin(reply: Reply, index: number, block: Fields | null, isWhole: boolean): void {
    if (block?.type === 'text') reply.text(block.text, 0)
    else if (block?.type === 'thinking') {
      reply.reasoning(block.thinking, 0)
      reply.seal('signature', block.signature, 0)
    } else if (block?.type === 'redacted_thinking') reply.seal('redacted', block.data, 0)
    else if (block?.type === 'tool_use') reply.toolCall(0, isWhole && typeof block.id === 'string' ? `d${block.id}` : `b${index}`, { id: block.id, name: block.name, arguments: isWhole ? JSON.stringify(block.input ?? {}) : '' })
  }

  /** What the last event repeats supersedes the first one's (anthropic-api.md 3). */
  private end(reply: Reply, { stop_reason: reason, stop_sequence: sequence }: Fields, usage: Fields | null): void {
    const said = Object.entries(usage ?? {}).filter(([, value]) => value !== null && value !== undefined)
    this.counts = { ...this.counts, ...Object.fromEntries(said) }
    reply.usage = readAnthropicUsage(this.counts) ?? reply.usage
    if (typeof reason !== 'string' || reason === '') return
    if (!Object.hasOwn(FINISH, reason)) reply.flags.add('finish_reason_unknown')
    reply.finish(0, FINISH[reason] ?? 'stop')
    if (reason === 'stop_sequence' && typeof sequence === 'string') reply.stopSequence = sequence
  }
}

/** Cached tokens are left out of `input_tokens` there and are part of the prompt here. Null when nothing is said. */
export function readAnthropicUsage(raw: Fields): ReportedUsage | null {
  const input = readCount(raw.input_tokens)
  const output = readCount(raw.output_tokens)
  const read = readCount(raw.cache_read_input_tokens)
  const written = readCount(raw.cache_creation_input_tokens)
  if (input.kind === 'absent' && output.kind === 'absent') return null
  const cached = valueOf(read) ?? 0
  const cacheWrite = valueOf(written) ?? 0
  const prompt = valueOf(input)
  const promptTokens = prompt === null ? null : prompt + cached + cacheWrite
  const reported = { promptTokens, completionTokens: valueOf(output) }
  if ([input, output, read, written].some(({ kind }) => kind === 'implausible')) return { usage: null, reported, raw, flags: ['usage_implausible'] }
  if (promptTokens === null || output.kind !== 'count') return { usage: null, reported, raw, flags: [] }
  return { usage: { promptTokens, completionTokens: output.value, cachedTokens: cached, cacheWriteTokens: cacheWrite, reasoningTokens: 0, source: 'provider' }, reported, raw, flags: [] }
}

function delta(reply: Reply, index: number, change: Fields | null): void {
  if (change?.type === 'text_delta') reply.text(change.text, 0)
  else if (change?.type === 'thinking_delta') reply.reasoning(change.thinking, 0)
  else if (change?.type === 'signature_delta') reply.seal('signature', change.signature, 0)
  else if (change?.type === 'input_json_delta') reply.toolCall(0, `b${index}`, { arguments: change.partial_json })
}

function noteModel(reply: Reply, message: Fields): void {
  if (reply.servedModel === null && typeof message.model === 'string' && message.model) reply.servedModel = message.model
}

function parse(text: string): Fields | null {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return null
  }
}
