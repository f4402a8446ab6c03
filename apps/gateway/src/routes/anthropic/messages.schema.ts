import { z } from 'zod'
import { maxTokensSchema, modelNameSchema, MOST_MESSAGES } from '../request-body'

const MOST_BLOCKS = 500

/** One block of content. Which fields it needs depends on its type; `anthropic_openai.ts` reads them. */
export const blockSchema = z.looseObject({ type: z.string().max(50) })

const contentSchema = z.union([z.string(), z.array(blockSchema).max(MOST_BLOCKS, `must hold at most ${MOST_BLOCKS} blocks`)], 'must be text or a list of blocks')

const toolSchema = z.looseObject({
  /** Absent or `custom` = a tool of the caller; any other type runs at Anthropic and is not served here. */
  type: z.string().max(50).nullish(),
  name: z.string().max(200).optional(),
  description: z.string().nullish(),
  input_schema: z.looseObject({}).optional(),
})

const shared = {
  model: modelNameSchema.min(1, 'must not be empty'),
  messages: z
    .array(z.looseObject({ role: z.enum(['user', 'assistant', 'system'], 'must be user or assistant'), content: contentSchema }))
    .min(1, 'must hold at least one message')
    .max(MOST_MESSAGES, `must hold at most ${MOST_MESSAGES} messages`),
  system: contentSchema.nullish(),
  tools: z.array(toolSchema).max(MOST_BLOCKS).nullish(),
  tool_choice: z.looseObject({ type: z.enum(['auto', 'any', 'tool', 'none'], 'must be auto, any, tool or none'), name: z.string().max(200).optional(), disable_parallel_tool_use: z.boolean().nullish() }).nullish(),
  thinking: z.looseObject({ type: z.string().max(20), budget_tokens: z.number().int().min(1).nullish() }).nullish(),
  output_config: z.looseObject({ effort: z.string().max(20).nullish(), format: z.looseObject({ type: z.string().max(20) }).nullish() }).nullish(),
}

/** Body of `POST /v1/messages` as far as the gateway reads it; fields it does not know are tolerated, as betas send them. */
export const messagesSchema = z.looseObject({
  ...shared,
  max_tokens: maxTokensSchema,
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(1, 'must be at most 1').nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
  stop_sequences: z.array(z.string().min(1, 'must not be empty')).max(16, 'must hold at most 16 sequences').nullish(),
})

/** Body of `POST /v1/messages/count_tokens`: the same without what only generating needs. */
export const countTokensSchema = z.looseObject(shared)

export type MessagesBody = z.infer<typeof messagesSchema>
export type CountTokensBody = z.infer<typeof countTokensSchema>
export type Block = z.infer<typeof blockSchema>
