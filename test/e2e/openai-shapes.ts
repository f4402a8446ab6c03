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

const itemStatus = z.enum(['in_progress', 'completed', 'incomplete'])
const itemLogprobs = z.array(logprobToken.extend({ top_logprobs: z.array(logprobToken).max(20) }))
const outputText = z.strictObject({ type: z.literal('output_text'), text: z.string(), annotations: z.array(z.never()), logprobs: itemLogprobs })
const outputRefusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() })
const reasoningText = z.strictObject({ type: z.literal('reasoning_text'), text: z.string() })
const outputItem = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('message'), id: z.string().regex(/^msg_/), role: z.literal('assistant'), status: itemStatus, content: z.array(z.union([outputText, outputRefusal])) }),
  z.strictObject({ type: z.literal('function_call'), id: z.string().regex(/^fc_/), call_id: z.string().min(1), name: z.string().min(1), arguments: z.string(), status: itemStatus }),
  z.strictObject({ type: z.literal('reasoning'), id: z.string().regex(/^rs_/), summary: z.array(z.never()), content: z.array(reasoningText), status: itemStatus }),
])

/** Response, as it stands when it has ended. */
export const responseObject = z.looseObject({
  id: z.string().regex(/^resp_[0-9a-f]{32}$/),
  object: z.literal('response'),
  created_at: seconds,
  status: z.enum(['completed', 'incomplete']),
  error: z.null(),
  incomplete_details: z.strictObject({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
  instructions: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  model: z.string().min(1),
  output: z.array(outputItem).min(1),
  parallel_tool_calls: z.boolean(),
  temperature: z.number().nullable(),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.literal('function'), name: z.string() })]),
  tools: z.array(z.looseObject({ type: z.string() })),
  top_p: z.number().nullable(),
  usage: z.looseObject({
    input_tokens: count,
    input_tokens_details: z.strictObject({ cached_tokens: count, cache_write_tokens: count }),
    output_tokens: count,
    output_tokens_details: z.strictObject({ reasoning_tokens: count }),
    total_tokens: count,
  }).refine((figures) => figures.total_tokens === figures.input_tokens + figures.output_tokens, 'total is not the sum'),
})

const step = { sequence_number: count, output_index: count }
const ofItem = { ...step, item_id: z.string().min(1) }
const ofPart = { ...ofItem, content_index: z.literal(0) }
const unfinished = z.looseObject({ object: z.literal('response'), status: z.literal('in_progress'), output: z.array(z.never()), usage: z.null() })

/** ResponseStreamEvent: those that a response of text, reasoning, refusals and functions has. */
export const responseEvent = z.union([
  ...(['response.created', 'response.in_progress'] as const).map((type) => z.strictObject({ type: z.literal(type), sequence_number: count, response: unfinished })),
  ...(['response.completed', 'response.incomplete'] as const).map((type) => z.strictObject({ type: z.literal(type), sequence_number: count, response: responseObject })),
  ...(['response.output_item.added', 'response.output_item.done'] as const).map((type) => z.strictObject({ type: z.literal(type), ...step, item: outputItem })),
  ...(['response.content_part.added', 'response.content_part.done'] as const).map((type) => z.strictObject({ type: z.literal(type), ...ofPart, part: z.union([outputText, outputRefusal, reasoningText]) })),
  z.strictObject({ type: z.literal('response.output_text.delta'), ...ofPart, delta: z.string(), logprobs: itemLogprobs }),
  z.strictObject({ type: z.literal('response.output_text.done'), ...ofPart, text: z.string(), logprobs: itemLogprobs }),
  z.strictObject({ type: z.literal('response.refusal.delta'), ...ofPart, delta: z.string() }),
  z.strictObject({ type: z.literal('response.refusal.done'), ...ofPart, refusal: z.string() }),
  z.strictObject({ type: z.literal('response.reasoning_text.delta'), ...ofPart, delta: z.string() }),
  z.strictObject({ type: z.literal('response.reasoning_text.done'), ...ofPart, text: z.string() }),
  z.strictObject({ type: z.literal('response.function_call_arguments.delta'), ...ofItem, delta: z.string() }),
  z.strictObject({ type: z.literal('response.function_call_arguments.done'), ...ofItem, name: z.string(), arguments: z.string() }),
])

/** ErrorResponse: all four are required, two may be null. */
export const errorBody = z.looseObject({ error: z.looseObject({ message: z.string().min(1), type: z.string().min(1), param: z.string().nullable(), code: z.string().nullable() }) })
