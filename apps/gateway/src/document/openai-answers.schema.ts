import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { finishReason, tokenLogprob, usageSource, warnings } from './fields.schema'

const usage = z
  .strictObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.strictObject({ cached_tokens: z.int() }),
    completion_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
    cost: moneyReply,
    currency: z.string(),
    source: usageSource,
  })
  .meta({ id: 'CompletionUsage' })

const message = z.strictObject({
  role: z.literal('assistant'),
  content: z.string().nullable(),
  refusal: z.string().nullable(),
  reasoning_content: z.string().optional(),
  tool_calls: z.array(z.strictObject({ id: z.string(), type: z.literal('function'), function: z.strictObject({ name: z.string(), arguments: z.string().meta({ description: 'JSON text' }) }) })).optional(),
})

/** OpenAI's chat completion; `cost`, `currency`, `source` and `warnings` are additions. */
export const chatCompletion = z
  .strictObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(z.strictObject({ index: z.int(), message, logprobs: z.strictObject({ content: z.array(tokenLogprob), refusal: z.null() }).nullable(), finish_reason: finishReason })),
    usage,
    warnings: warnings.optional(),
    system_fingerprint: z.string().nullable().meta({ description: '"sandbox" where no model answered' }),
  })
  .meta({ id: 'ChatCompletion' })

const legacyLogprobs = z.strictObject({ tokens: z.array(z.string()), token_logprobs: z.array(z.number()), top_logprobs: z.array(z.record(z.string(), z.number())), text_offset: z.array(z.int()) })

/** OpenAI's legacy completion. */
export const textCompletion = z
  .strictObject({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(z.strictObject({ text: z.string(), index: z.int(), logprobs: legacyLogprobs.nullable(), finish_reason: finishReason })),
    usage,
    warnings: warnings.optional(),
  })
  .meta({ id: 'TextCompletion' })

/** OpenAI's list of vectors. */
export const embeddingList = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(z.strictObject({ object: z.literal('embedding'), index: z.int(), embedding: z.union([z.array(z.number()), z.string().meta({ description: 'With encoding_format base64: little-endian float32' })]) })),
    model: z.string(),
    usage: z.strictObject({ prompt_tokens: z.int(), total_tokens: z.int(), cost: moneyReply, currency: z.string() }),
    warnings: warnings.optional(),
  })
  .meta({ id: 'EmbeddingList' })

/** `GET /v1/models/{id}`: what OpenAI's clients read and what Anthropic's do. */
export const modelObject = z
  .strictObject({
    id: z.string(),
    object: z.literal('model'),
    type: z.literal('model'),
    created_at: instantTextReply,
    created: z.int(),
    owned_by: z.literal('tollgate'),
    context_length: z.int().nullable().meta({ description: 'Tokens; null = not known' }),
    display_name: z.string(),
  })
  .meta({ id: 'ModelObject' })

/** `GET /v1/models`. */
export const modelObjects = z
  .strictObject({ object: z.literal('list'), data: z.array(modelObject), has_more: z.literal(false), first_id: z.string().nullable(), last_id: z.string().nullable() })
  .meta({ id: 'ModelObjects' })
