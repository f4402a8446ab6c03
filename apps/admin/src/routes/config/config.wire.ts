import { z } from 'zod'
import type { Step } from '../../config/draft'

/** What is in force, as a file. */
export const configFileReply = z.strictObject({ yaml: z.string() }).meta({ id: 'ConfigFile' })

const changeReply = z
  .strictObject({
    object: z.string(),
    name: z.string(),
    op: z.enum(['create', 'change']),
    fields: z
      .array(z.strictObject({ field: z.string(), from: z.unknown().optional().meta({ description: 'Not there for what is to be made' }), to: z.unknown() }))
      .readonly(),
  })
  .meta({ id: 'ConfigChange' })

/** What a file would change. */
export const diffReply = z.strictObject({ changes: z.array(changeReply) }).meta({ id: 'ConfigDiff' })

/** What a file has changed. */
export const appliedReply = z
  .strictObject({ changes: z.array(changeReply), warnings: z.array(z.string()).readonly().meta({ description: 'What the operator still has to know' }) })
  .meta({ id: 'ConfigApplied' })

/** A change without what makes it. */
export function stepWire({ object, name, op, fields }: Step): z.output<typeof changeReply> {
  return { object, name, op, fields }
}
