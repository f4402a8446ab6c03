import { z } from 'zod'
import { wholePositive } from '../../fields.schema'

export const pinBody = z
  .strictObject({ digest: z.string().regex(/^(sha256:)?[0-9a-fA-F]{8,64}$/, 'must be a digest, or at least its first eight characters').nullable() })
  .meta({ id: 'PinModel', description: 'null holds calls to no digest any more' })
export const rollbackBody = z.strictObject({ version: wholePositive(1_000_000).optional() }).default({}).meta({ id: 'RollBackModel' })

export type PinBody = z.output<typeof pinBody>
export type RollbackBody = z.output<typeof rollbackBody>
