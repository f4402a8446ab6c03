import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common'
import type { CompletedChat } from '@tollgate/chat'
import { decimalFromPico } from '@tollgate/kernel'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { CollectedReply } from '../collected-reply'
import { InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { completedHeaders } from '../served-headers'
import { givenFields, notesOfUnknown } from './chat-completions.schema'
import { warningsOf } from './chat-completions.wire'
import { embeddingRequest, EMBEDDINGS_FIELDS, embeddingsSchema } from './embeddings.schema'

/** OpenAI's embeddings, through the same corridor as every answer: only the prompt is metered. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class EmbeddingsController {
  constructor(private readonly door: InferenceDoor) {}

  @NeedsScope('chat')
  @Post('v1/embeddings')
  @HttpCode(200)
  async embed(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const body = parseBody(embeddingsSchema, http.body)
    const inputs = typeof body.input === 'string' ? [body.input] : body.input
    const request = embeddingRequest(body.model, inputs, body.dimensions ?? null, http.bodyBytes ?? 0)
    reply.hijack()
    const result = await this.door.serve(http, reply, 'openai', request, new CollectedReply())
    if (result.kind !== 'completed') return writeRefusal(http, reply, result)
    writeJson(http, reply, 200, embeddingList(result, body.encoding_format === 'base64', notesOfUnknown(givenFields(body), EMBEDDINGS_FIELDS)), completedHeaders(result))
  }
}

function embeddingList(result: CompletedChat, isBase64: boolean, notes: readonly string[]): Record<string, unknown> {
  const { promptTokens } = result.usage
  return {
    object: 'list',
    data: result.vectors!.map((vector, index) => ({ object: 'embedding', index, embedding: isBase64 ? base64Of(vector) : vector })),
    model: result.served.model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens, cost: decimalFromPico(result.costPico), currency: result.currency },
    ...warningsOf(result, notes),
  }
}

/** Little-endian float32, as OpenAI's clients decode it. */
function base64Of(vector: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4)
  for (const [at, number] of vector.entries()) bytes.writeFloatLE(number, at * 4)
  return bytes.toString('base64')
}
