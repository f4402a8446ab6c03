import { z } from 'zod'

/*
 * Shapes of OpenAI's published schema (openai-openapi, info version 2.3.0): what it requires must be there, what it
 * allows to be null may be null, and extensions are allowed beside it.
 */

const count = z.number().int().min(0)
const seconds = z.number().int().min(1_600_000_000).max(4_000_000_000)
const finishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call'])

const logprobToken = z.strictObject({ token: z.string(), logprob: z.number().max(0), bytes: z.array(z.number().int().min(0).max(255)).nullable() })
const tokenLogprob = logprobToken.extend({ top_logprobs: z.array(logprobToken).max(20) })
const logprobs = z.strictObject({ content: z.array(tokenLogprob).nullable(), refusal: z.array(tokenLogprob).nullable() }).nullable()

const usage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.looseObject({ cached_tokens: count }).optional(),
  completion_tokens_details: z.looseObject({ reasoning_tokens: count }).optional(),
}).refine((figures) => figures.total_tokens === figures.prompt_tokens + figures.completion_tokens, 'total is not the sum')

const toolCall = z.strictObject({ id: z.string().min(1), type: z.literal('function'), function: z.strictObject({ name: z.string().min(1), arguments: z.string() }) })

/** CreateChatCompletionResponse. */
export const chatCompletion = z.looseObject({
  id: z.string().regex(/^chatcmpl-/),
  object: z.literal('chat.completion'),
  created: seconds,
  model: z.string().min(1),
  choices: z.array(z.strictObject({
    index: count,
    message: z.looseObject({ role: z.literal('assistant'), content: z.string().nullable(), refusal: z.string().nullable(), tool_calls: z.array(toolCall).min(1).optional() }),
    logprobs,
    finish_reason: finishReason,
  })).min(1),
  usage,
  system_fingerprint: z.string().nullable().optional(),
})

const toolDelta = z.strictObject({ index: count, id: z.string().min(1).optional(), type: z.literal('function').optional(), function: z.strictObject({ name: z.string().optional(), arguments: z.string().optional() }) })

/** CreateChatCompletionStreamResponse. */
export const chatChunk = z.looseObject({
  id: z.string().regex(/^chatcmpl-/),
  object: z.literal('chat.completion.chunk'),
  created: seconds,
  model: z.string().min(1),
  choices: z.array(z.strictObject({
    index: count,
    delta: z.strictObject({ role: z.literal('assistant').optional(), content: z.string().nullable().optional(), refusal: z.string().nullable().optional(), reasoning_content: z.string().optional(), tool_calls: z.array(toolDelta).min(1).optional() }),
    logprobs,
    finish_reason: finishReason.nullable(),
  })),
  usage: usage.nullable().optional(),
})

/** CreateEmbeddingResponse; `embedding` is base64 text where that was asked for. */
export const embeddingList = z.looseObject({
  object: z.literal('list'),
  data: z.array(z.strictObject({ object: z.literal('embedding'), index: count, embedding: z.union([z.array(z.number()), z.string()]) })).min(1),
  model: z.string().min(1),
  usage: z.looseObject({ prompt_tokens: count, total_tokens: count }),
})

/** Model, and ListModelsResponse. */
export const model = z.looseObject({ id: z.string().min(1), object: z.literal('model'), created: seconds, owned_by: z.string() })
export const modelList = z.looseObject({ object: z.literal('list'), data: z.array(model) })

const legacyLogprobs = z.strictObject({ tokens: z.array(z.string()), token_logprobs: z.array(z.number().max(0)), top_logprobs: z.array(z.record(z.string(), z.number().max(0))), text_offset: z.array(count) })

/** CreateCompletionResponse, streamed or not. */
export const textCompletion = z.looseObject({
  id: z.string().regex(/^cmpl-/),
  object: z.literal('text_completion'),
  created: seconds,
  model: z.string().min(1),
  choices: z.array(z.looseObject({ text: z.string(), index: count, logprobs: legacyLogprobs.nullable(), finish_reason: z.enum(['stop', 'length', 'content_filter']).nullable() })),
  usage: usage.nullable().optional(),
})

/** ErrorResponse: all four are required, two may be null. */
export const errorBody = z.looseObject({ error: z.looseObject({ message: z.string().min(1), type: z.string().min(1), param: z.string().nullable(), code: z.string().nullable() }) })
