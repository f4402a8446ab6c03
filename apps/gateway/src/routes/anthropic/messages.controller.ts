import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common'
import { AccessService } from '@tollgate/chat'
import { RefusalError } from '@tollgate/kernel'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { messagesWish } from './anthropic_openai'
import { likelyInputTokens } from './estimate'
import { countTokensSchema, messagesSchema } from './messages.schema'
import { messageHeaders, messageOf, MessageStreamReply, type MessageHead } from './messages.wire'

/** Anthropic's messages. Any `anthropic-version`, `anthropic-beta` and query is tolerated: none changes what is served. */
@Controller('v1/messages')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class MessagesController {
  constructor(
    private readonly door: InferenceDoor,
    private readonly access: AccessService,
  ) {}

  @NeedsScope('chat')
  @Post()
  @HttpCode(200)
  async create(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(messagesSchema, http.body)
    const { request, ignoredTools } = messagesWish(body, http.bodyBytes ?? 0)
    const warnings = ignoredTools.length > 0 ? [`tools of these types are not served here and were ignored: ${ignoredTools.join(', ')}`] : []
    const head: MessageHead = { id: `msg_${http.id.replace(/-/g, '')}`, warnings, stopSequences: body.stop_sequences ?? [], likelyInputTokens: request.stream ? likelyInputTokens(body) : 0 }
    reply.hijack()
    if (request.stream) {
      const sink = new MessageStreamReply(http, reply, head)
      const result = await this.door.serve(http, reply, 'anthropic', request, sink)
      if (result.kind === 'completed') return sink.finish(result)
      return sink.stream ? sink.break(result) : writeRefusal(http, reply, result)
    }
    const collected = new CollectedReply()
    const result = await this.door.serve(http, reply, 'anthropic', request, collected)
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, messageOf(head, result, collected), messageHeaders(http, result))
  }

  /** An estimate of ours: nothing is sent to a host, and nothing is billed. */
  @NeedsScope('chat')
  @Post('count_tokens')
  @HttpCode(200)
  async countTokens(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(countTokensSchema, http.body)
    const selection = await this.access.select(http.caller, { model: body.model, project: null })
    if (selection.kind === 'refused') throw new RefusalError(selection.refusal)
    void reply.header('request-id', http.id).send({ input_tokens: likelyInputTokens(body) })
  }
}
