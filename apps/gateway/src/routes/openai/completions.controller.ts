import { Controller, HttpCode, Inject, Post, Req, Res, UseGuards } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { breakStream, InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { completedHeaders } from '../served-headers'
import type { CompletionHead } from './chat-completions.wire'
import { completionsSchema, legacyWish } from './completions.schema'
import { textCompletionOf, TextCompletionStreamReply } from './completions.wire'

/** OpenAI's legacy completions, for clients that still send a bare prompt. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class CompletionsController {
  constructor(
    private readonly door: InferenceDoor,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('chat')
  @Post('v1/completions')
  @HttpCode(200)
  async complete(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(completionsSchema, http.body)
    const { request, notes, echo } = legacyWish(body, http.bodyBytes ?? 0)
    const head: CompletionHead = { id: `cmpl-${http.id.replace(/-/g, '')}`, created: Math.floor(this.clock.now() / 1000), notes }
    reply.hijack()
    if (request.stream) {
      const sink = new TextCompletionStreamReply(http, reply, head, body.stream_options?.include_usage === true, { text: echo, choices: request.choices ?? 1 })
      const result = await this.door.serve(http, reply, 'openai', request, sink)
      if (result.kind === 'completed') return sink.finish(result)
      return sink.stream ? breakStream(http, sink.stream, result) : writeRefusal(http, reply, result)
    }
    const collected = new CollectedReply()
    const result = await this.door.serve(http, reply, 'openai', request, collected)
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, textCompletionOf(head, result, collected, echo), completedHeaders(result))
  }
}
