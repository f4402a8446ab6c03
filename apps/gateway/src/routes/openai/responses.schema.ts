import { z } from 'zod'
import { maxTokensSchema, modelNameSchema, MOST_MESSAGES } from '../request-body'

const absent = (why: string) => z.union([z.null(), z.literal(''), z.literal(false)], why).optional()

/** One item of a response's input. Which fields it needs depends on its type; `responses_completions.ts` reads them. */
export const responseItemSchema = z.looseObject({
  type: z.string().max(50).optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant'], 'must be system, developer, user or assistant').optional(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string().max(50) })).max(500)]).nullish(),
})

/** Body of `POST /v1/responses` as far as the gateway reads it. Nothing is stored: the caller sends the whole history. */
export const responsesSchema = z.looseObject({
  model: modelNameSchema.min(1, 'must not be empty'),
  input: z.union([z.string().min(1, 'must not be empty'), z.array(responseItemSchema).min(1, 'must hold at least one item').max(MOST_MESSAGES, `must hold at most ${MOST_MESSAGES} items`)], 'must be text or a list of items'),
  instructions: z.string().nullish(),
  max_output_tokens: maxTokensSchema.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  tools: z.array(z.looseObject({ type: z.string().max(50), name: z.string().max(200).optional() })).max(500).nullish(),
  tool_choice: z.union([z.string().max(20), z.looseObject({ type: z.string().max(50) })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning: z.looseObject({ effort: z.string().max(20).nullish() }).nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) }).nullish(), verbosity: z.string().max(20).nullish() }).nullish(),
  stream: z.boolean().nullish(),
  previous_response_id: absent('responses are not stored here: send the whole conversation as input'),
  conversation: absent('responses are not stored here: send the whole conversation as input'),
  background: absent('is not supported: responses are not stored here'),
})

export type ResponsesBody = z.infer<typeof responsesSchema>
export type ResponseItem = z.infer<typeof responseItemSchema>
