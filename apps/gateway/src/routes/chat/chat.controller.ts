import { Controller, Inject, Post, Req, Res, UseGuards } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { breakStream, InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { completedHeaders, servedHeaders } from '../served-headers'
import { chatRequest, chatSchema } from './chat.schema'
import { chatSummary, ChatStreamReply } from './chat.wire'
import { SseStream } from '@tollgate/platform/http'

/** `POST /chat`: JSON, or server-sent events with `stream: true` (product.md 2.1). */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ChatController {
  constructor(
    private readonly door: InferenceDoor,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  @NeedsScope('chat')
  @Post('chat')
  async chat(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(chatSchema, http.body)
    if (body.customer_id !== undefined && body.customer_id !== http.caller.tenant.slug) throw new RefusalError(refuse('customer_mismatch'))
    const { request, dropped } = chatRequest(body, http.bodyBytes ?? 0, this.config.OLLAMA_STREAMING)
    const notes = dropped.length > 0 ? [`options set by the operator were ignored: ${dropped.join(', ')}`] : []
    if (body.conversation_id !== undefined) notes.push('conversations are not stored yet: conversation_id was ignored')
    reply.hijack()
    if (request.stream) return this.stream(http, reply, request, notes)
    const collected = new CollectedReply()
    const result = await this.door.serve(http, reply, 'chat', request, collected)
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, { response: collected.text(), ...chatSummary(result, http.id, [...notes, ...result.warnings]) }, completedHeaders(result))
  }

  private async stream(http: CallerRequest, reply: HttpReply, request: Parameters<InferenceDoor['serve']>[3], notes: readonly string[]): Promise<void> {
    const sink = new ChatStreamReply(http, reply)
    const result = await this.door.serve(http, reply, 'chat', request, sink)
    if (result.kind !== 'completed') return sink.stream ? breakStream(http, sink.stream, result) : writeRefusal(http, reply, result)
    const stream = sink.stream ?? new SseStream(reply.raw, { ...servedHeaders(result.served), 'x-request-id': http.id })
    stream.send({ done: true, ...chatSummary(result, http.id, [...notes, ...result.warnings]) })
    stream.end(true)
  }
}
