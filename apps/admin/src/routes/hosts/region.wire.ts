import type { FleetAdminService } from '@tollgate/hosts'
import { z } from 'zod'

type Region = Awaited<ReturnType<FleetAdminService['regions']>>[number]

/** A region as the wire has it. */
export const regionReply = z
  .strictObject({ slug: z.string(), name: z.string(), distances_ms: z.record(z.string(), z.int()).meta({ description: 'Round trip to other regions in ms' }) })
  .meta({ id: 'Region' })

export function regionWire({ slug, name, distancesMs }: Region): z.output<typeof regionReply> {
  return { slug, name, distances_ms: distancesMs }
}
