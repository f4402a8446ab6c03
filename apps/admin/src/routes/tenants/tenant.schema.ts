import { z } from 'zod'
import { budgetDuration, label, modelName, money, slug } from '../../fields.schema'

export const billing = z.enum(['prepaid', 'postpaid'])

const regions = z.array(slug).min(1, 'must name at least one region').max(50)

const replaysAnswers = z.boolean().meta({ description: 'Whole answers of calls with an Idempotency-Key are kept for 24 hours, encrypted, and given again when the key is' })

export const createTenantBody = z
  .strictObject({
    slug,
    name: label,
    tier: slug,
    home_region: slug,
    allowed_regions: regions.optional(),
    preferred_model: modelName.nullable().optional(),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as USD')
      .default('USD'),
    time_zone: z.string().max(100).default('UTC'),
    billing: billing.default('postpaid'),
    max_budget: money.nullable().optional(),
    soft_budget: money.nullable().optional(),
    budget_duration: budgetDuration.default('month'),
    replays_answers: replaysAnswers.default(false),
  })
  .refine((body) => !body.allowed_regions || body.allowed_regions.includes(body.home_region), { path: ['allowed_regions'], message: 'must contain the home region' })
  .meta({ id: 'NewTenant' })

/** The currency is missing on purpose: amounts on record are in it. */
export const changeTenantBody = z
  .strictObject({
    name: label.optional(),
    tier: slug.optional(),
    home_region: slug.optional(),
    allowed_regions: regions.optional(),
    preferred_model: modelName.nullable().optional(),
    time_zone: z.string().max(100).optional().meta({ description: 'IANA name. Budget periods that run end as they were opened; the next begin under this one' }),
    billing: billing.optional(),
    max_budget: money.nullable().optional(),
    soft_budget: money.nullable().optional(),
    budget_duration: budgetDuration.optional(),
    replays_answers: replaysAnswers.optional(),
    is_suspended: z.boolean().optional(),
  })
  .meta({ id: 'TenantChanges' })

const projectFields = {
  name: label,
  default_model: modelName.nullable().optional(),
  allowed_models: z.array(modelName).max(500).nullable().optional(),
  max_budget: money.nullable().optional(),
  soft_budget: money.nullable().optional(),
  budget_duration: budgetDuration.optional(),
}

export const createProjectBody = z.strictObject({ slug, ...projectFields }).meta({ id: 'NewProject' })
export const changeProjectBody = z.strictObject({ slug, ...projectFields }).partial().meta({ id: 'ProjectChanges' })

export type CreateTenantBody = z.output<typeof createTenantBody>
export type ChangeTenantBody = z.output<typeof changeTenantBody>
export type CreateProjectBody = z.output<typeof createProjectBody>
export type ChangeProjectBody = z.output<typeof changeProjectBody>
