import { Inject, Injectable } from '@nestjs/common'
import { TalkService } from '@tollgate/chat'
import { refuse, RefusalError } from '@tollgate/kernel'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { SseStream, type HttpReply } from '@tollgate/platform/http'
import { CollectedReply } from '../collected-reply'
import { breakStream, InferenceDoor, writeJson, writeRefusal, type CallerRequest, type Walk } from '../inference'
import { completedHeaders, servedHeaders } from '../served-headers'
import { chatRequest, type ChatBody } from './chat.schema'
import { chatSummary, ChatStreamReply } from './chat.wire'

/** Answers bodies of `/chat` and `/chat/smart`: JSON, or server-sent events with `stream: true` (product.md 2.1). */
@Injectable()
export class ChatAnswers {
  constructor(
    private readonly door: InferenceDoor,
    private readonly talk: TalkService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  /** @throws RefusalError customer_mismatch before anything is written */
  async answer(http: CallerRequest, reply: HttpReply, body: ChatBody): Promise<void> {
    if (body.customer_id !== undefined && body.customer_id !== http.caller.tenant.slug) throw new RefusalError(refuse('customer_mismatch'))
    const { request, dropped } = chatRequest(body, http.bodyBytes ?? 0, this.config.OLLAMA_STREAMING)
    const notes = dropped.length > 0 ? [`options set by the operator were ignored: ${dropped.join(', ')}`] : []
    const conversation = body.conversation_id
    reply.hijack()
    if (request.stream) return this.stream(http, reply, request, notes, conversation)
    const collected = new CollectedReply()
    const result = await this.door.serve(http, reply, 'chat', request, collected, this.walk(conversation))
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, { response: collected.text(), ...chatSummary(result, http.id, [...notes, ...result.warnings], conversation) }, completedHeaders(result))
  }

  private walk(conversation: string | undefined): Walk | undefined {
    return conversation === undefined ? undefined : (call) => this.talk.serve(call, conversation)
  }

  private async stream(http: CallerRequest, reply: HttpReply, request: Parameters<InferenceDoor['serve']>[3], notes: readonly string[], conversation: string | undefined): Promise<void> {
    const sink = new ChatStreamReply(http, reply)
    const result = await this.door.serve(http, reply, 'chat', request, sink, this.walk(conversation))
    if (result.kind !== 'completed') return sink.stream ? breakStream(http, sink.stream, result) : writeRefusal(http, reply, result)
    const stream = sink.stream ?? new SseStream(reply.raw, { 'x-request-id': http.id, ...servedHeaders(result.served) })
    stream.send({ done: true, ...chatSummary(result, http.id, [...notes, ...result.warnings], conversation) })
    stream.end(true)
  }
}
