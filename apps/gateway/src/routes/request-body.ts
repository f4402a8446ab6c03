import { refuse, RefusalError } from '@tollgate/kernel'
import { z } from 'zod'

/** Bounds of a message list that hold on every surface. */
export const MOST_MESSAGES = 2_000
export const MOST_TOKENS_ASKED = 10_000_000

/** Validates a body, or refuses it with the paths that are wrong. Only what the gateway uses is described by schemas. */
export function parseBody<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.slice(0, 10).map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message }))
  const [first] = errors
  const reason = first!.path === '' ? first!.message : `${first!.path}: ${first!.message}`
  throw new RefusalError(refuse('invalid_request', { reason: reason.slice(0, 300) }, { details: { errors, param: first!.path.split('.')[0] || undefined } }))
}

/** A project slug in a body or path. */
export const slugSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be a slug: lower-case letters, digits and dashes')

/** A model name as callers may write it. */
export const modelNameSchema = z.string().max(200, 'must be at most 200 characters')

/** The most output tokens a caller asks for; tier and model lower it. */
export const maxTokensSchema = z.number().int('must be a whole number').min(1, 'must be at least 1').max(MOST_TOKENS_ASKED, `must be at most ${MOST_TOKENS_ASKED}`)

const partSchema = z.looseObject({ type: z.string().max(50) })

/** One message in OpenAI's shape. Unknown fields pass through to the provider. */
export const messageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool'], 'must be system, developer, user, assistant or tool'),
  content: z.union([z.string(), z.array(partSchema).min(1).max(500), z.null()], 'must be a string, a list of parts, or null').optional(),
})

/** A message list. */
export const messagesSchema = z.array(messageSchema).min(1, 'must hold at least one message').max(MOST_MESSAGES, `must hold at most ${MOST_MESSAGES} messages`)
