import type { ChatResult, CompletedChat, ServedBy } from '@tollgate/chat'
import { decimalFromPico, type ChatEvent } from '@tollgate/kernel'
import { errorBody, SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { CollectedReply } from '../collected-reply'
import type { StreamedReply } from '../inference'
import { servedHeaders } from '../served-headers'
import { ResponseItems, type ResponseEvent } from './response-items'
import type { ResponsesBody } from './responses.schema'

/** What a response says of itself and of its request, the same in every event. */
export interface ResponseHead {
  readonly id: string
  readonly createdAt: number
  readonly body: ResponsesBody
  readonly warnings: readonly string[]
}

/** The response object before anything is known; every field its schema requires is there. */
function skeleton({ id, createdAt, body }: ResponseHead): Record<string, unknown> {
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model: body.model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
    store: false,
    temperature: body.temperature ?? 1,
    text: { format: body.text?.format ?? { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    usage: null,
    user: null,
    metadata: {},
  }
}

function finished(head: ResponseHead, result: CompletedChat, output: readonly unknown[]): Record<string, unknown> {
  const { usage, finishReason } = result
  const reason = finishReason === 'length' ? 'max_output_tokens' : finishReason === 'content_filter' ? 'content_filter' : null
  const warnings = [...head.warnings, ...result.warnings]
  return {
    ...skeleton(head),
    status: reason ? 'incomplete' : 'completed',
    incomplete_details: reason ? { reason } : null,
    model: result.served.model,
    output,
    usage: {
      input_tokens: usage.promptTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: usage.cacheWriteTokens },
      output_tokens: usage.completionTokens,
      output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
      total_tokens: usage.promptTokens + usage.completionTokens,
      cost: decimalFromPico(result.costPico),
      currency: result.currency,
    },
    ...(warnings.length > 0 ? { warnings } : {}),
  }
}

function isCut({ finishReason }: CompletedChat): boolean {
  return finishReason === 'length' || finishReason === 'content_filter'
}

/** A whole response. */
export function responseOf(head: ResponseHead, result: CompletedChat, collected: CollectedReply): Record<string, unknown> {
  const items = new ResponseItems(head.id.slice('resp_'.length), () => true)
  for (const event of collected.all()) items.push(event)
  items.finish(isCut(result))
  return finished(head, result, items.output)
}

/** A stream of named, numbered events. No `[DONE]`: `response.completed` or `response.incomplete` is the end. */
export class ResponseStreamReply implements StreamedReply {
  stream: SseStream | null = null
  private hasBegun = false
  private sequence = 0
  private readonly items: ResponseItems

  constructor(
    private readonly http: HttpRequest,
    private readonly reply: HttpReply,
    private readonly head: ResponseHead,
  ) {
    this.items = new ResponseItems(head.id.slice('resp_'.length), (event) => this.send(event))
  }

  begin(served: ServedBy): void {
    this.hasBegun = true
    this.open(servedHeaders(served))
    const response = skeleton(this.head)
    this.send({ type: 'response.created', response })
    this.send({ type: 'response.in_progress', response })
  }

  ping(): void {
    this.open({}).ping()
  }

  private open(headers: Readonly<Record<string, string | number>>): SseStream {
    return (this.stream ??= new SseStream(this.reply.raw, { 'x-request-id': this.http.id, ...headers }))
  }

  push(event: ChatEvent): boolean {
    return this.items.push(event)
  }

  onDrain(resume: () => void): void {
    this.stream!.onDrain(resume)
  }

  finish(result: CompletedChat): void {
    if (!this.hasBegun) this.begin(result.served)
    this.items.finish(isCut(result))
    this.send({ type: isCut(result) ? 'response.incomplete' : 'response.completed', response: finished(this.head, result, this.items.output) })
    this.stream!.end(false)
  }

  /** The response will not become whole: an error event, or a cut when its usage is not recorded. */
  break(result: Exclude<ChatResult, { kind: 'completed' }>): void {
    if (result.kind === 'unrecorded') return this.stream!.destroy()
    // Published fields first; the nested object is what makes the official client throw instead of going on.
    const { code, message } = result.refusal
    this.send({ type: 'error', code, message, param: null, ...errorBody(result.refusal, 'openai', this.http.id) })
    this.stream!.end(false)
  }

  private send(event: ResponseEvent): boolean {
    return this.stream!.sendEvent(event.type, { ...event, sequence_number: this.sequence++ })
  }
}
