import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common'
import type { ChatResult, CompletedChat } from '@tollgate/chat'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { embeddingRequest } from '../openai/embeddings.schema'
import { parseBody } from '../request-body'
import { completedHeaders } from '../served-headers'
import { ollamaEmbeddingsSchema, ollamaEmbedSchema } from './ollama.schema'

const NS_PER_MS = 1_000_000

/** Ollama's two embedding routes: many inputs, and the older one of a single prompt. */
@Controller('api')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class OllamaEmbedController {
  constructor(private readonly door: InferenceDoor) {}

  @NeedsScope('chat')
  @Post('embed')
  @HttpCode(200)
  async embed(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const { model, input, dimensions } = parseBody(ollamaEmbedSchema, http.body)
    await this.serve(http, reply, model, typeof input === 'string' ? [input] : input, dimensions ?? null, (result) => ({
      model,
      embeddings: result.vectors,
      total_duration: Math.round(result.durationMs * NS_PER_MS),
      load_duration: 0,
      prompt_eval_count: result.usage.promptTokens,
    }))
  }

  @NeedsScope('chat')
  @Post('embeddings')
  @HttpCode(200)
  async embeddings(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const { model, prompt } = parseBody(ollamaEmbeddingsSchema, http.body)
    await this.serve(http, reply, model, [prompt], null, (result) => ({ embedding: result.vectors![0] }))
  }

  private async serve(http: CallerRequest, reply: HttpReply, model: string, inputs: readonly string[], dimensions: number | null, write: (result: CompletedChat) => unknown): Promise<void> {
    reply.hijack()
    const result: ChatResult = await this.door.serve(http, reply, 'ollama', embeddingRequest(model, inputs, dimensions, http.bodyBytes ?? 0), new CollectedReply())
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, write(result), completedHeaders(result))
  }
}
