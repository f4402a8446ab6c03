import { decimalFromPico } from '@tollgate/kernel'
import type { CompletedChat, ServedBy } from '@tollgate/chat'
import type { ChatEvent } from '@tollgate/kernel'
import { SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { StreamedReply } from '../inference'
import { servedHeaders } from '../served-headers'

/** The fields a `/chat` reply and the last event of its stream share (product.md 2.1). */
export function chatSummary(result: CompletedChat, requestId: string, warnings: readonly string[], conversationId?: string): Record<string, unknown> {
  const { usage, served } = result
  return {
    model: served.model,
    requested_model: served.requestedModel,
    provider: served.provider,
    region: served.region,
    host: served.host,
    ...(conversationId === undefined ? {} : { conversation_id: conversationId }),
    finish_reason: result.finishReason,
    usage: {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      total_tokens: usage.promptTokens + usage.completionTokens,
      ...(usage.cachedTokens > 0 ? { cached_tokens: usage.cachedTokens } : {}),
      ...(usage.reasoningTokens > 0 ? { reasoning_tokens: usage.reasoningTokens } : {}),
      cost: decimalFromPico(result.costPico),
      currency: result.currency,
      source: usage.source,
    },
    duration_ms: result.durationMs,
    attempts: served.attempts,
    request_id: requestId,
    ...(served.selection ? { selection: served.selection } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  }
}

/** A `/chat` stream: `{"delta": …}` events. The head goes out with the first event. */
export class ChatStreamReply implements StreamedReply {
  stream: SseStream | null = null

  constructor(
    private readonly http: HttpRequest,
    private readonly reply: HttpReply,
  ) {}

  begin(served: ServedBy): void {
    this.open(servedHeaders(served))
  }

  ping(): void {
    this.open({}).ping()
  }

  private open(headers: Readonly<Record<string, string | number>>): SseStream {
    return (this.stream ??= new SseStream(this.reply.raw, { 'x-request-id': this.http.id, ...headers }))
  }

  push(event: ChatEvent): boolean {
    if (event.kind === 'text') return this.stream!.send({ delta: event.text })
    if (event.kind === 'reasoning') return this.stream!.send({ delta: '', reasoning: event.text })
    return true
  }

  onDrain(resume: () => void): void {
    this.stream!.onDrain(resume)
  }
}
