import { z } from 'zod'
import { maxTokensSchema, modelNameSchema, MOST_MESSAGES } from '../request-body'
import { effortSchema } from './chat-completions.schema'

const formatSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({ type: z.literal('json_schema'), name: z.string().max(200).optional(), schema: z.looseObject({}), strict: z.boolean().nullish() }),
])

/** One item of a response's input. Which fields it needs depends on its type; `responses_completions.ts` reads them. */
export const responseItemSchema = z.looseObject({
  type: z.string().max(50).optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant'], 'must be system, developer, user or assistant').optional(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string().max(50) })).max(500)]).nullish(),
})

/** Body of `POST /v1/responses`. What is done with each field is a table in this app's README. Nothing is stored: the caller sends the whole history. */
export const responsesSchema = z
  .looseObject({
    model: modelNameSchema.min(1, 'must not be empty'),
    input: z.union([z.string().min(1, 'must not be empty'), z.array(responseItemSchema).min(1, 'must hold at least one item').max(MOST_MESSAGES, `must hold at most ${MOST_MESSAGES} items`)], 'must be text or a list of items'),
    instructions: z.string().nullish(),
    max_output_tokens: maxTokensSchema.nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_logprobs: z.number().int().min(0).max(20).nullish(),
    include: z.array(z.string().max(100)).max(50).nullish(),
    tools: z.array(z.looseObject({ type: z.string().max(50), name: z.string().max(200).optional() })).max(500).nullish(),
    tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.literal('function'), name: z.string() })], 'must be none, auto, required, or name a function').nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    reasoning: z.looseObject({ effort: effortSchema.nullish() }).nullish(),
    text: z.looseObject({ format: formatSchema.nullish(), verbosity: z.string().max(20).nullish() }).nullish(),
    stream: z.boolean().nullish(),
  })
  .superRefine(({ tools, tool_choice: choice }, context) => {
    if (!choice || choice === 'none' || choice === 'auto') return
    const functions = (tools ?? []).flatMap(({ type, name }) => (type === 'function' ? [name] : []))
    const fault = (message: string) => context.addIssue({ code: 'custom', path: ['tool_choice'], message })
    if (functions.length === 0) fault('is allowed only with functions among the tools')
    else if (choice !== 'required' && !functions.includes(choice.name)) fault('names a function that is not among the tools')
  })

export type ResponsesBody = z.infer<typeof responsesSchema>
export type ResponseItem = z.infer<typeof responseItemSchema>
