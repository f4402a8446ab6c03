import { moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { tokenLogprob, warnings } from './fields.schema'

const item = { id: z.string(), status: z.enum(['completed', 'incomplete']) }

const outputItem = z
  .discriminatedUnion('type', [
    z.strictObject({
      ...item,
      type: z.literal('message'),
      role: z.literal('assistant'),
      content: z.array(
        z.discriminatedUnion('type', [
          z.strictObject({ type: z.literal('output_text'), text: z.string(), annotations: z.array(z.unknown()).max(0), logprobs: z.array(tokenLogprob) }),
          z.strictObject({ type: z.literal('refusal'), refusal: z.string() }),
        ]),
      ),
    }),
    z.strictObject({ ...item, type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string().meta({ description: 'JSON text' }) }),
    z.strictObject({ ...item, type: z.literal('reasoning'), summary: z.array(z.unknown()).max(0), content: z.array(z.strictObject({ type: z.literal('reasoning_text'), text: z.string() })) }),
  ])
  .meta({ id: 'ResponseOutputItem' })

/** OpenAI's response; what it repeats of its request is as the caller wrote it. */
export const response = z
  .strictObject({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.int(),
    status: z.enum(['completed', 'incomplete']),
    background: z.literal(false),
    error: z.null(),
    incomplete_details: z.strictObject({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: z.int().nullable(),
    model: z.string(),
    output: z.array(outputItem),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.null(),
    reasoning: z.strictObject({ effort: z.string().nullable(), summary: z.null() }),
    store: z.literal(false),
    temperature: z.number(),
    text: z.strictObject({ format: z.looseObject({ type: z.string() }) }),
    tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]),
    tools: z.array(z.looseObject({ type: z.string() })),
    top_logprobs: z.int(),
    top_p: z.number(),
    truncation: z.literal('disabled'),
    usage: z.strictObject({
      input_tokens: z.int(),
      input_tokens_details: z.strictObject({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
      output_tokens: z.int(),
      output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
      total_tokens: z.int(),
      cost: moneyReply,
      currency: z.string(),
    }),
    user: z.null(),
    metadata: z.strictObject({}),
    warnings: warnings.optional(),
  })
  .meta({ id: 'ResponseAnswer' })
