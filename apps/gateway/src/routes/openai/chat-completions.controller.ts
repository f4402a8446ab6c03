import { Controller, Inject, Param, Post, Req, Res, UseGuards } from '@nestjs/common'
import type { ChatResult } from '@tollgate/chat'
import { refuse, RefusalError, type ChatRequest, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { breakStream, InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { completedHeaders } from '../served-headers'
import { chatCompletionsSchema, completionsWish } from './chat-completions.schema'
import { completionOf, CompletionStreamReply, type CompletionHead } from './chat-completions.wire'

/** OpenAI's chat completions: with prefix, without it (other words for unknown models), and under a project. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ChatCompletionsController {
  constructor(
    private readonly door: InferenceDoor,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('chat')
  @Post('v1/chat/completions')
  async v1(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    await this.complete(http, reply, null, (result) => result)
  }

  @NeedsScope('chat')
  @Post('chat/completions')
  async plain(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    await this.complete(http, reply, null, unknownIsNotConfigured)
  }

  @NeedsScope('chat')
  @Post('v1/projects/:tenant/:project/chat/completions')
  async ofProject(@Req() http: CallerRequest, @Res() reply: HttpReply, @Param('tenant') tenant: string, @Param('project') project: string): Promise<void> {
    if (tenant !== http.caller.tenant.slug) throw new RefusalError(refuse('project_not_found', { project: `${tenant}/${project}`.slice(0, 130) }))
    await this.complete(http, reply, project, (result) => result)
  }

  private async complete(http: CallerRequest, reply: HttpReply, project: string | null, translate: (result: ChatResult) => ChatResult): Promise<void> {
    const body = parseBody(chatCompletionsSchema, http.body)
    const wish = completionsWish(body, http.bodyBytes ?? 0)
    const request: ChatRequest = { ...wish.request, project }
    const head: CompletionHead = { id: `chatcmpl-${http.id.replace(/-/g, '')}`, created: Math.floor(this.clock.now() / 1000), notes: wish.notes, hidesReasoning: wish.hidesReasoning }
    reply.hijack()
    if (request.stream) {
      const sink = new CompletionStreamReply(http, reply, head, body.stream_options?.include_usage === true, request.choices ?? 1)
      const result = translate(await this.door.serve(http, reply, 'openai', request, sink))
      if (result.kind === 'completed') return sink.finish(result)
      return sink.stream ? breakStream(http, sink.stream, result) : writeRefusal(http, reply, result)
    }
    const collected = new CollectedReply()
    const result = translate(await this.door.serve(http, reply, 'openai', request, collected))
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, completionOf(head, result, collected), completedHeaders(result))
  }
}

/** Without prefix an unknown model is 400 `Model X not configured` (product.md 2.5). */
function unknownIsNotConfigured(result: ChatResult): ChatResult {
  if (result.kind !== 'refused' || result.refusal.code !== 'model_not_found') return result
  const model = /^Model '(.*)' not found/s.exec(result.refusal.message)?.[1] ?? ''
  return { kind: 'refused', refusal: refuse('model_not_configured', { model }, { details: { ...result.refusal.details } }) }
}
