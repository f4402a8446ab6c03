import type { ChatRequest } from '@tollgate/kernel'
import { z } from 'zod'
import { modelNameSchema } from '../request-body'

const MOST_INPUTS = 2_048
const text = z.string().min(1, 'must not be empty')

/** Body of `POST /v1/embeddings`: one text or a list of them. What is done with each field is a table in this app's README. */
export const embeddingsSchema = z.looseObject({
  model: modelNameSchema.min(1, 'must not be empty'),
  input: z.union([text, z.array(text).min(1, 'must hold at least one text').max(MOST_INPUTS, `must hold at most ${MOST_INPUTS} texts`)], 'must be text or a list of texts; token lists are not supported'),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.number().int().min(1).max(100_000).nullish(),
})

/** Names of its fields; `user` changes no answer. */
export const EMBEDDINGS_FIELDS: ReadonlySet<string> = new Set(['model', 'input', 'encoding_format', 'dimensions', 'user'])

/** What embeddings need of any surface, as the canonical request: each input is one message. */
export function embeddingRequest(model: string, inputs: readonly string[], dimensions: number | null, bodyBytes: number): ChatRequest {
  return { model, messages: inputs.map((content) => ({ role: 'user', content })), stream: false, maxTokens: null, project: null, parameters: {}, bodyBytes, embedding: { dimensions } }
}
