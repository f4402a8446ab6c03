import { z } from 'zod'
import { label, modelName, wholePositive } from '../../fields.schema'

const LABEL_FORM = /^[a-z][a-z0-9_]{0,62}$/

const described = {
  display_name: label.optional(),
  description: z.string().max(4_000).optional(),
  version: z.string().max(100).nullable().optional(),
  base_model: modelName.nullable().optional(),
  context_length: wholePositive(100_000_000).nullable().optional(),
  max_output_tokens: wholePositive(10_000_000).nullable().optional(),
  is_free: z.boolean().optional(),
  show_in_ui: z.boolean().optional(),
  auto_preload: z.boolean().optional(),
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
