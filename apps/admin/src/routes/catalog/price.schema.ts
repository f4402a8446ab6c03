import { z } from 'zod'
import { idPageQuery, instant, modelName, money, perMillion, slug } from '../../fields.schema'

/** A tariff row. `model` may be `*`: every model of the provider. Rows are added, never edited. */
export const priceBody = z
  .strictObject({
    model: modelName,
    provider: z.string().min(1).max(50).nullable().optional(),
    region: slug.nullable().optional(),
    tier: slug.nullable().optional(),
    tenant: slug.nullable().optional(),
    effective_at: instant.optional(),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as USD')
      .default('USD'),
    input_per_million: perMillion,
    output_per_million: perMillion,
    cached_input_per_million: perMillion.nullable().optional(),
    cache_write_per_million: perMillion.nullable().optional(),
    reasoning_per_million: perMillion.nullable().optional(),
    per_request: money.refine((pico) => pico <= 10n ** 16n, 'must be at most 10000').optional(),
    gpu_second: money.refine((pico) => pico <= 10n ** 16n, 'must be at most 10000').nullable().optional(),
    free: z.boolean().optional(),
    source: z.string().trim().min(1, 'must say where the price comes from').max(500),
  })
  .meta({ id: 'NewPrice' })

export const priceQuery = idPageQuery.extend({ model: modelName.optional(), tenant: slug.optional() })

export type PriceBody = z.output<typeof priceBody>
export type PriceQuery = z.output<typeof priceQuery>
