import { z } from 'zod'
import { mcpServerName } from '@tollgate/mcp'
import { label, modelName, wholePositive } from '../../fields.schema'

const KEEP_ALIVE_FORM = /^-?(?:\d+|(?:\d+(?:\.\d+)?(?:ms|s|m|h))+)$/
const LABEL_FORM = /^[a-z][a-z0-9_]{0,62}$/

/** Seconds, as a number or in text, or a duration; negative = for ever. Kept as text. */
const keepAlive = z.union([z.number().int().min(-1).max(31_536_000).transform(String), z.string().max(20).regex(KEEP_ALIVE_FORM)], 'must be seconds, or a duration such as 10m')

const described = {
  display_name: label.optional(),
  description: z.string().max(4_000).optional(),
  version: z.string().max(100).nullable().optional(),
  base_model: modelName.nullable().optional(),
  context_length: wholePositive(100_000_000).nullable().optional(),
  max_output_tokens: wholePositive(10_000_000).nullable().optional(),
  num_ctx: wholePositive(10_000_000).nullable().optional(),
  keep_alive: keepAlive.nullable().optional(),
  retry_ambiguous: z.boolean().optional(),
  is_free: z.boolean().optional(),
  show_in_ui: z.boolean().optional(),
  auto_preload: z.boolean().optional(),
  parameters: z
    .strictObject({
      temperature: z.number().min(0).max(2),
      top_p: z.number().gt(0).max(1),
      frequency_penalty: z.number().min(-2).max(2),
      presence_penalty: z.number().min(-2).max(2),
      seed: z.int(),
      stop: z.array(z.string().min(1).max(200)).min(1).max(4),
      max_tokens: wholePositive(10_000_000),
    })
    .partial()
    .optional(),
  prompt: z.string().min(1).max(100_000).nullable().optional(),
  fallbacks: z.array(modelName).max(5).optional(),
  mcp_servers: z.array(mcpServerName).max(20).refine((names) => new Set(names).size === names.length, 'names a server twice').optional(),
  labels: z.record(z.string().max(100), z.union([z.string().max(500), z.boolean(), z.number(), z.null()])).optional(),
}

/** Unknown boolean flags such as `is_jamie_model` are kept as labels; anything else unknown is an error. */
const withFlags = <T extends z.ZodObject>(known: T) => known.catchall(z.boolean('is not a field of this object; only boolean flags may be added')).transform((body) => gatherFlags(known, body) as z.output<T>)

export const addModelBody = withFlags(z.object({ name: modelName.refine((name) => !name.includes('*'), 'must not contain "*"'), ...described })).meta({ id: 'NewModel' })
export const changeModelBody = withFlags(z.object(described)).meta({ id: 'ModelChanges' })

export type AddModelBody = z.output<typeof addModelBody>
export type ChangeModelBody = z.output<typeof changeModelBody>

function gatherFlags(known: z.ZodObject, body: Record<string, unknown>): Record<string, unknown> {
  const fields = Object.entries(body).filter(([name]) => name in known.shape)
  const flags = Object.entries(body).filter(([name]) => !(name in known.shape) && LABEL_FORM.test(name))
  const labels = { ...(body.labels as object | undefined), ...Object.fromEntries(flags) }
  return { ...Object.fromEntries(fields), ...(Object.keys(labels).length > 0 ? { labels } : {}) }
}
