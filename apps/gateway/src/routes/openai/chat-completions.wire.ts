import { decimalFromPico, type ChatEvent } from '@tollgate/kernel'
import type { CompletedChat, ServedBy } from '@tollgate/chat'
import { SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { CollectedReply } from '../collected-reply'
import type { StreamedReply } from '../inference'
import { servedHeaders } from '../served-headers'

/** Identity of an answer: our own id and time, equal in all its chunks; never the upstream's. */
export interface CompletionHead {
  readonly id: string
  readonly created: number
  /** What the caller should know of its request, told among the warnings. */
  readonly notes?: readonly string[]
  readonly hidesReasoning?: boolean
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
  const choices = result.finishReasons.map((finishReason, index) => {
    const { text, refusal, reasoning, toolCalls, logprobs } = collected.choice(index)
    const calls = toolCalls.map((call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } }))
    const message = {
      role: 'assistant',
      content: refusal !== '' || (text === '' && calls.length > 0) ? null : text,
      refusal: refusal === '' ? null : refusal,
      ...(reasoning === '' || head.hidesReasoning ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    }
    return { index, message, logprobs: logprobs.length > 0 ? { content: logprobs, refusal: null } : null, finish_reason: finishReason }
  })
  return { id: head.id, object: 'chat.completion', created: head.created, model: result.served.model, choices, usage: usageOf(result), ...warningsOf(result, head.notes), system_fingerprint: fingerprint(result.served) }
}

/** A stream of `chat.completion.chunk` events. The head goes out with the first event. */
export class CompletionStreamReply implements StreamedReply {
  stream: SseStream | null = null
  private hasBegun = false
  /** All of a chunk of plain text before and behind that text. */
  private frame: readonly [before: string, behind: string] | null = null
  private model = ''
  private fingerprint: string | null = null

  constructor(
    private readonly http: HttpRequest,
    private readonly reply: HttpReply,
    private readonly head: CompletionHead,
    private readonly includesUsage: boolean,
    private readonly choices: number,
  ) {}

  begin(served: ServedBy): void {
    this.model = served.model
    this.fingerprint = fingerprint(served)
    this.hasBegun = true
    this.open(servedHeaders(served))
    for (let index = 0; index < this.choices; index++) this.chunk([{ index, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null }], null)
  }

  ping(): void {
    this.open({}).ping()
  }

  private open(headers: Readonly<Record<string, string | number>>): SseStream {
    return (this.stream ??= new SseStream(this.reply.raw, { 'x-request-id': this.http.id, ...headers }))
  }

  push(event: ChatEvent): boolean {
    if (event.kind === 'reasoning' && this.head.hidesReasoning) return true
    if (event.kind === 'text' && !event.logprobs && !event.isRefusal && event.choice === 0) return this.text(event.text)
    const logprobs = event.kind === 'text' && event.logprobs ? { content: event.logprobs, refusal: null } : null
    return this.chunk([{ index: event.choice, delta: deltaOf(event), logprobs, finish_reason: null }], null)
  }

  onDrain(resume: () => void): void {
    this.stream!.onDrain(resume)
  }

  /** The last chunks: the finish reason of each choice, with warnings beside the last, then usage when the caller asked for it, then `[DONE]`. */
  finish(result: CompletedChat): void {
    if (!this.hasBegun) this.begin(result.served)
    const last = result.finishReasons.length - 1
    for (const [index, reason] of result.finishReasons.entries()) this.chunk([{ index, delta: {}, logprobs: null, finish_reason: reason }], null, index === last ? warningsOf(result, this.head.notes) : {})
    if (this.includesUsage) this.chunk([], usageOf(result))
    this.stream!.end(true)
  }

  private chunk(choices: unknown[], usage: unknown, extra: Record<string, unknown> = {}): boolean {
    return this.stream!.send(this.chunkOf(choices, usage, extra))
  }

  /** Nearly all chunks differ in their text alone, so all else of them is written once. */
  private text(text: string): boolean {
    const [before, behind] = (this.frame ??= this.frameOfText())
    return this.stream!.sendJson(before + JSON.stringify(text) + behind)
  }

  private frameOfText(): readonly [string, string] {
    const json = JSON.stringify(this.chunkOf([{ index: 0, delta: { content: '' }, logprobs: null, finish_reason: null }], null))
    const at = json.lastIndexOf('"content":""') + '"content":'.length
    return [json.slice(0, at), json.slice(at + 2)]
  }

  private chunkOf(choices: unknown[], usage: unknown, extra: Record<string, unknown> = {}): Record<string, unknown> {
    const { id, created } = this.head
    return { id, object: 'chat.completion.chunk', created, model: this.model, system_fingerprint: this.fingerprint, choices, ...extra, ...(this.includesUsage ? { usage } : {}) }
  }
}

function deltaOf(event: ChatEvent): Record<string, unknown> {
  if (event.kind === 'text') return event.isRefusal ? { refusal: event.text } : { content: event.text }
  if (event.kind === 'reasoning') return { reasoning_content: event.text }
  const { index, id, name, arguments: args } = event
  return { tool_calls: [{ index, ...(id === undefined ? {} : { id, type: 'function' }), function: { ...(name === undefined ? {} : { name }), arguments: args ?? '' } }] }
}

/** A sandbox is named as one, so that its text can never pass as a model's. */
function fingerprint(served: ServedBy): string | null {
  return served.isSandbox ? 'sandbox' : null
}

/** Our addition: what the caller should know of an answer, such as that its budget made it shorter. */
export function warningsOf(result: CompletedChat, notes: readonly string[] = []): Record<string, unknown> {
  const warnings = [...notes, ...result.warnings]
  return warnings.length > 0 ? { warnings } : {}
}
