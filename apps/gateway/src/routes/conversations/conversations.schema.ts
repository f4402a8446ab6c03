import type { NewConversation } from '@tollgate/conversations'
import { z } from 'zod'
import { modelNameSchema, slugSchema } from '../request-body'

const DAY_SECONDS = 86_400
/** Kept so long after its last turn unless it is told otherwise. */
const DEFAULT_TTL_SECONDS = 30 * DAY_SECONDS

const model = modelNameSchema.trim().min(1, 'must not be empty')

/** Body of `POST /v1/conversations`: asking for one is the opt-in. */
export const newConversationSchema = z.strictObject({
  model: model.nullable().default(null),
  title: z.string().trim().min(1, 'must not be empty').max(200, 'must be at most 200 characters').nullable().default(null),
  system: z.string().min(1, 'must not be empty').max(100_000, 'must be at most 100000 characters').nullable().default(null),
  project: slugSchema.optional(),
  department: slugSchema.optional(),
  allowed_regions: z.array(slugSchema).min(1, 'must name at least one region').max(50).nullable().default(null),
  ttl_seconds: z.number().int('must be a whole number').min(60, 'must be at least 60').max(365 * DAY_SECONDS, `must be at most ${365 * DAY_SECONDS}`).default(DEFAULT_TTL_SECONDS),
})

/** Body of `PATCH /v1/conversations/{id}`. */
export const switchSchema = z.strictObject({ model })

/** Query of the list. */
export const conversationsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20), after: z.uuid('must be the id that `next` gave').optional() })

/** Query of the turns of one. */
export const turnsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20), after: z.coerce.number().int().min(0).default(0) })

/** Query of `DELETE /v1/conversations`, which must be meant. */
export const eraseQuery = z.strictObject({ all: z.literal('true', 'must be true: this deletes every conversation') })

/** A body as the room has it. @param projectId of the project that the body or the key names */
export function newConversation(body: z.infer<typeof newConversationSchema>, projectId: string | null): NewConversation {
  return { projectId, model: body.model, allowedRegions: body.allowed_regions && [...new Set(body.allowed_regions)], title: body.title, system: body.system, ttlSeconds: body.ttl_seconds }
}
