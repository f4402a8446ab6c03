import { decimalFromPico, type ChatEvent } from '@tollgate/kernel'
import type { ChatReply, CompletedChat, ServedBy } from '@tollgate/chat'
import { SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { CollectedReply } from '../collected-reply'
import { servedHeaders } from '../served-headers'

/** Identity of an answer: our own id and time, equal in all its chunks; never the upstream's. */
export interface CompletionHead {
  readonly id: string
  readonly created: number
}

/** OpenAI's usage object, with cost as an extension. Details are parts of their totals. */
export function usageOf(result: CompletedChat): Record<string, unknown> {
  const { usage } = result
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    cost: decimalFromPico(result.costPico),
    currency: result.currency,
    source: usage.source,
  }
}

/** A whole answer in OpenAI's shape; every field its schema requires is there, `logprobs` and `refusal` too. */
export function completionOf(head: CompletionHead, result: CompletedChat, collected: CollectedReply): Record<string, unknown> {
  const choices = collected.choices().map((index) => {
    const { text, reasoning, toolCalls } = collected.choice(index)
    const calls = toolCalls.map((call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } }))
    const message = {
      role: 'assistant',
      content: text === '' && calls.length > 0 ? null : text,
      refusal: null,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    }
    return { index, message, logprobs: null, finish_reason: result.finishReason }
  })
  return { id: head.id, object: 'chat.completion', created: head.created, model: result.served.model, choices, usage: usageOf(result), ...warningsOf(result), system_fingerprint: fingerprint(result.served) }
}

/** A stream of `chat.completion.chunk` events. The head goes out with the first event. */
export class CompletionStreamReply implements ChatReply {
  stream: SseStream | null = null
  private model = ''
  private fingerprint: string | null = null

  constructor(
    private readonly http: HttpRequest,
    private readonly reply: HttpReply,
    private readonly head: CompletionHead,
    private readonly includesUsage: boolean,
  ) {}

  begin(served: ServedBy): void {
    this.model = served.model
    this.fingerprint = fingerprint(served)
    this.stream = new SseStream(this.reply.raw, { ...servedHeaders(served), 'x-request-id': this.http.id })
    this.chunk([{ index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null }], null)
  }

  push(event: ChatEvent): boolean {
    return this.chunk([{ index: event.choice, delta: deltaOf(event), logprobs: null, finish_reason: null }], null)
  }

  onDrain(resume: () => void): void {
    this.stream!.onDrain(resume)
  }

  /** The last chunks: the finish reason, then usage when the caller asked for it, then `[DONE]`. */
  finish(result: CompletedChat): void {
    if (!this.stream) this.begin(result.served)
    this.chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: result.finishReason }], null)
    if (this.includesUsage) this.chunk([], usageOf(result))
    this.stream!.end(true)
  }

  private chunk(choices: unknown[], usage: unknown): boolean {
    const { id, created } = this.head
    return this.stream!.send({ id, object: 'chat.completion.chunk', created, model: this.model, system_fingerprint: this.fingerprint, choices, ...(this.includesUsage ? { usage } : {}) })
  }
}

function deltaOf(event: ChatEvent): Record<string, unknown> {
  if (event.kind === 'text') return { content: event.text }
  if (event.kind === 'reasoning') return { reasoning_content: event.text }
  const { index, id, name, arguments: args } = event
  return { tool_calls: [{ index, ...(id === undefined ? {} : { id, type: 'function' }), function: { ...(name === undefined ? {} : { name }), arguments: args ?? '' } }] }
}

/** A sandbox is named as one, so that its text can never pass as a model's. */
function fingerprint(served: ServedBy): string | null {
  return served.isSandbox ? 'sandbox' : null
}

function warningsOf(result: CompletedChat): Record<string, unknown> {
  return result.warnings.length > 0 ? { warnings: result.warnings } : {}
}
