import { Controller, HttpCode, Inject, Post, Req, Res, UseGuards } from '@nestjs/common'
import { AccessService } from '@tollgate/chat'
import { RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { errorBody, type HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { completedHeaders } from '../served-headers'
import { ollamaChatSchema, ollamaGenerateSchema } from './ollama.schema'
import { ollamaEnd, ollamaLine, ollamaToolCalls, OllamaStreamReply, type OllamaForm, type OllamaHead } from './ollama.wire'
import { chatWish, generateWish, type OllamaWish } from './ollama_openai'

/** Ollama's `/api/chat` and `/api/generate` with the same guard, corridor and metering as every other surface. */
@Controller('api')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class OllamaChatController {
  constructor(
    private readonly door: InferenceDoor,
    private readonly access: AccessService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('chat')
  @Post('chat')
  @HttpCode(200)
  async chat(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(ollamaChatSchema, http.body)
    if (!body.messages || body.messages.length === 0) return this.load(http, reply, 'chat', body.model)
    await this.serve(http, reply, 'chat', chatWish(body, http.bodyBytes ?? 0))
  }

  @NeedsScope('chat')
  @Post('generate')
  @HttpCode(200)
  async generate(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(ollamaGenerateSchema, http.body)
    if (!body.prompt && !body.images?.length) return this.load(http, reply, 'generate', body.model)
    await this.serve(http, reply, 'generate', generateWish(body, http.bodyBytes ?? 0))
  }

  /** An empty request asks Ollama to load a model. Here the operator decides what is loaded; the caller learns whether it may use it. */
  private async load(http: CallerRequest, reply: HttpReply, form: OllamaForm, model: string): Promise<void> {
    const selection = await this.access.select(http.caller, { model, project: null })
    if (selection.kind === 'refused') throw new RefusalError(selection.refusal)
    reply.hijack()
    writeJson(http, reply, 200, { ...ollamaLine(this.head(form, model), { text: '' }), done: true, done_reason: 'load' })
  }

  private async serve(http: CallerRequest, reply: HttpReply, form: OllamaForm, { request, ignored }: OllamaWish): Promise<void> {
    const head = this.head(form, request.model!)
    const notes = ignored.length > 0 ? [`the operator decides these, they were ignored: ${ignored.join(', ')}`] : []
    reply.hijack()
    if (request.stream) {
      const sink = new OllamaStreamReply(http, reply, head)
      const result = await this.door.serve(http, reply, 'ollama', request, sink)
      if (result.kind === 'completed') return sink.finish(result, [...notes, ...result.warnings])
      if (!sink.stream) return writeRefusal(http, reply, result)
      return sink.break(result.kind === 'unrecorded' ? null : errorBody(result.refusal, 'plain', http.id))
    }
    const collected = new CollectedReply()
    const result = await this.door.serve(http, reply, 'ollama', request, collected)
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    const { text, reasoning, logprobs } = collected.choice(0)
    const line = ollamaLine(head, { text, thinking: reasoning, logprobs, toolCalls: ollamaToolCalls(collected) })
    writeJson(http, reply, 200, { ...line, ...ollamaEnd(result, http.id, [...notes, ...result.warnings]) }, completedHeaders(result))
  }

  private head(form: OllamaForm, model: string): OllamaHead {
    return { form, model, createdAt: new Date(this.clock.now()).toISOString() }
  }
}
