import { z } from 'zod'
import { budgetDuration, label, modelName, modelPattern, money, slug, wholePositive } from '../../fields.schema'

const positiveMoney = money.refine((pico) => pico > 0n, 'must be above 0; use null for no limit')

export const cutStreamPolicy = z.enum(['none', 'delivered'])

/** A whole tier: PUT replaces, so what is left out gets its default. Null limits mean unlimited. */
export const tierBody = z
  .strictObject({
    name: label,
    models: z.array(modelPattern).min(1, 'must name at least one model').max(1_000),
    denied_models: z.array(modelPattern).max(1_000).default([]),
    regions: z.array(slug).max(50).default([]),
    features: z.record(z.string().max(100), z.unknown()).default({}),
    rpm_limit: wholePositive(2 ** 31 - 1).nullable(),
    tpm_limit: wholePositive(10 ** 12).nullable(),
    max_parallel_requests: wholePositive(1_000_000).nullable(),
    queue_weight: wholePositive(1_000).default(1),
    max_output_tokens: wholePositive(10_000_000),
    max_budget: positiveMoney.nullable(),
    soft_budget: positiveMoney.nullable().default(null),
    budget_duration: budgetDuration.default('month'),
    default_model: modelName.nullable().default(null),
    cut_stream_policy: cutStreamPolicy.default('none'),
  })
  .meta({ id: 'TierInput' })

export const createTierBody = tierBody.extend({ slug }).meta({ id: 'NewTier' })

export type TierBody = z.output<typeof tierBody>
export type CreateTierBody = z.output<typeof createTierBody>
