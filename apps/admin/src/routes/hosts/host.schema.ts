import { z } from 'zod'
import { label, money, slug, wholePositive } from '../../fields.schema'

const settings = {
  base_url: z.string().min(1, 'must not be empty').max(500),
  /** Write-only: reads give its last four characters. */
  secret: z.string().min(1, 'must not be empty').max(4000).nullable().optional(),
  max_parallel: wholePositive(10_000).optional(),
  weight: wholePositive(1_000).optional(),
  cost_per_hour: money
    .refine((pico) => pico <= 10n ** 16n, 'must be at most 10000')
    .nullable()
    .optional()
    .meta({ description: 'What the host costs, used or idle, in US dollars; null = not known' }),
  vram_bytes: wholePositive(2 ** 50).nullable().optional(),
  disk_bytes: wholePositive(2 ** 50).nullable().optional().meta({ description: 'What its models may take of its disk; null = unknown, then copies are made without asking' }),
  enabled: z.boolean().optional(),
  drain: z.boolean().optional(),
}

export const createHostBody = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit'),
    region: slug,
    provider: z.string().min(1).max(50),
    ...settings,
  })
  .meta({ id: 'NewHost' })

export const changeHostBody = z
  .strictObject({ region: slug, ...settings })
  .partial()
  .meta({ id: 'HostChanges' })

export const createRegionBody = z
  .strictObject({ slug, name: label, distances_ms: z.record(slug, wholePositive(100_000)).default({}).meta({ description: 'Round trip to other regions in ms; holds both ways' }) })
  .meta({ id: 'NewRegion' })

export type CreateHostBody = z.output<typeof createHostBody>
export type ChangeHostBody = z.output<typeof changeHostBody>
export type CreateRegionBody = z.output<typeof createRegionBody>
