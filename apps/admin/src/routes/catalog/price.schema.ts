import { z } from 'zod'
import { decimalFromPico } from '@tollgate/kernel'
import { COST_CURRENCY } from '@tollgate/pricing'
import { idPageQuery, instant, modelName, money, perMillion, slug } from '../../fields.schema'

/** The most a request or a GPU-second may cost. */
const MOST_PICO = 10n ** 16n
const feeBelowMost = money.refine((pico) => pico <= MOST_PICO, `must be at most ${decimalFromPico(MOST_PICO)}`)
/** A millisecond of GPU time must be whole pico. */
const gpuSecond = feeBelowMost.refine((pico) => pico % 1000n === 0n, 'must have at most 9 decimals')

const BOOKS = ['tariff', 'provider'] as const
export const book = z.enum(BOOKS).meta({ description: 'tariff: what tenants pay. provider: what the provider asks, which is what tenants pay while the tariff has no row' })

/** A price row. `model` may be `*`: every model of the provider. Rows are added, never edited. */
export const priceBody = z
  .strictObject({
    book: book.default('tariff'),
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
    per_request: feeBelowMost.optional(),
    gpu_second: gpuSecond.nullable().optional(),
    free: z.boolean().optional(),
    source: z.string().trim().min(1, 'must say where the price comes from').max(500),
  })
  .superRefine((body, context) => {
    if (body.book === 'tariff') return
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (!body.provider) problem('provider', "must be named in the providers' book")
    if (body.tier) problem('tier', "has no place in the providers' book")
    if (body.tenant) problem('tenant', "has no place in the providers' book")
    if (body.currency !== COST_CURRENCY) problem('currency', `must be ${COST_CURRENCY} in the providers' book`)
  })
  .meta({ id: 'NewPrice' })

export const priceQuery = idPageQuery.extend({ book: book.default('tariff'), model: modelName.optional(), tenant: slug.optional() })

export type PriceBody = z.output<typeof priceBody>
export type PriceQuery = z.output<typeof priceQuery>
