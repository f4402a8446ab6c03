import { Controller, HttpCode, Inject, Post, Req, Res, UseGuards } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { completedHeaders } from '../served-headers'
import { responsesSchema } from './responses.schema'
import { responseOf, ResponseStreamReply, type ResponseHead } from './responses.wire'
import { responsesWish } from './responses_completions'

/** OpenAI's responses without memory: nothing is stored, the caller sends the whole conversation (as coding agents do). */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ResponsesController {
  constructor(
    private readonly door: InferenceDoor,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('chat')
  @Post('v1/responses')
  @HttpCode(200)
  async respond(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(responsesSchema, http.body)
    const { request, notes: warnings } = responsesWish(body, http.bodyBytes ?? 0)
    const head: ResponseHead = { id: `resp_${http.id.replace(/-/g, '')}`, createdAt: Math.floor(this.clock.now() / 1000), body, warnings }
    reply.hijack()
    if (request.stream) {
      const sink = new ResponseStreamReply(http, reply, head)
      const result = await this.door.serve(http, reply, 'openai', request, sink)
      if (result.kind === 'completed') return sink.finish(result)
      return sink.stream ? sink.break(result) : writeRefusal(http, reply, result)
    }
    const collected = new CollectedReply()
    const result = await this.door.serve(http, reply, 'openai', request, collected)
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, responseOf(head, result, collected), completedHeaders(result))
  }
}
