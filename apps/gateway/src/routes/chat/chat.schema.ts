import type { ChatMessage, ChatRequest } from '@tollgate/kernel'
import { z } from 'zod'
import { maxTokensSchema, messagesSchema, modelNameSchema, slugSchema } from '../request-body'

const fields = {
  message: z.string().regex(/\S/, 'must not be empty').optional(),
  messages: messagesSchema.optional(),
  model: modelNameSchema.optional(),
  temperature: z.number().min(0).max(2).optional(),
  max_tokens: maxTokensSchema.optional(),
  stream: z.boolean().optional(),
  system: z.string().optional(),
  conversation_id: z.string().max(100).optional(),
  project: slugSchema.optional(),
  department: slugSchema.optional(),
  customer_id: z.string().max(200).optional(),
  language: z.string().max(50).optional(),
  options: z.record(z.string(), z.unknown()).optional(),
}

/** Rules between fields that both bodies share. */
function agreed<T extends z.ZodType<{ message?: string; messages?: unknown; project?: string; department?: string }>>(schema: T) {
  return schema
    .refine((body) => body.message !== undefined || body.messages !== undefined, 'send message (text) or messages (a chat)')
    .refine((body) => body.message === undefined || body.messages === undefined, 'send either message or messages, not both')
    .refine((body) => body.project === undefined || body.department === undefined || body.project === body.department, 'project and department name the same thing and must agree')
}

/** Body of `POST /chat` (product.md 2.1). Unknown fields are refused with their name. */
export const chatSchema = agreed(z.strictObject(fields))

/** Body of `POST /chat/smart`: the same, and the rule set to choose by where it is not the default one. */
export const chatSmartSchema = agreed(z.strictObject({ ...fields, rule_set: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be the name of a rule set').optional() }))

export type ChatBody = z.infer<typeof chatSchema>

/** A smart body as one of `/chat`: `auto`, or `auto:<rule set>`. A model that is named all the same is a choice of the caller's, and is kept. */
export function smartBody({ rule_set: ruleSet, ...body }: z.infer<typeof chatSmartSchema>): ChatBody {
  const isNamed = body.model !== undefined && body.model !== '' && body.model !== 'auto'
  return isNamed ? body : { ...body, model: ruleSet === undefined ? 'auto' : `auto:${ruleSet}` }
}

/** Sampling options a tenant may set; what loads or pins models belongs to the operator (F62). */
const OPTIONS = ['temperature', 'top_p', 'top_k', 'min_p', 'seed', 'stop', 'presence_penalty', 'frequency_penalty', 'repeat_penalty']

/** The wish behind a body. `streamsByDefault` is the operator's OLLAMA_STREAMING. Options that belong to the operator are dropped, and named in `dropped`. */
export function chatRequest(body: ChatBody, bodyBytes: number, streamsByDefault = false): { request: ChatRequest; dropped: string[] } {
  const messages: ChatMessage[] = body.messages ? (body.messages as ChatMessage[]) : [{ role: 'user', content: body.message! }]
  const options = body.options ?? {}
  const parameters: Record<string, unknown> = {}
  for (const name of OPTIONS) if (options[name] !== undefined) parameters[name] = options[name]
  if (body.temperature !== undefined) parameters.temperature = body.temperature
  const limit = options.num_predict
  const maxTokens = body.max_tokens ?? (typeof limit === 'number' && Number.isInteger(limit) && limit > 0 ? limit : null)
  const dropped = Object.keys(options).filter((name) => name !== 'num_predict' && !OPTIONS.includes(name))
  const request: ChatRequest = {
    model: body.model ?? null,
    messages: body.system === undefined ? messages : [{ role: 'system', content: body.system }, ...messages],
    stream: body.stream ?? streamsByDefault,
    maxTokens,
    project: body.project ?? body.department ?? null,
    ...(body.language === undefined ? {} : { language: body.language }),
    parameters,
    bodyBytes,
  }
  return { request, dropped }
}
