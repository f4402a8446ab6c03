import { instantReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import type { Project, Tenant } from '@tollgate/tenants/domain'
import { budgetDuration, moneyText } from '../../fields.schema'
import { billing, type ChangeProjectBody, type ChangeTenantBody } from './tenant.schema'

/** A tenant as the wire has it. */
export const tenantReply = z
  .strictObject({
    id: z.uuid(),
    slug: z.string(),
    name: z.string(),
    tier: z.string(),
    home_region: z.string(),
    allowed_regions: z.array(z.string()).readonly(),
    preferred_model: z.string().nullable(),
    currency: z.string().meta({ description: 'ISO 4217' }),
    time_zone: z.string().meta({ description: 'IANA name' }),
    billing,
    max_budget: moneyReply.nullable(),
    soft_budget: moneyReply.nullable(),
    budget_duration: budgetDuration,
    replays_answers: z.boolean(),
    is_suspended: z.boolean(),
    created_at: instantReply,
    updated_at: instantReply,
  })
  .meta({ id: 'Tenant', description: 'Null budgets are those of its tier' })

export function tenantWire(tenant: Tenant): z.output<typeof tenantReply> {
  return {
    id: tenant.id,
    slug: tenant.slug,
    name: tenant.name,
    tier: tenant.tier,
    home_region: tenant.homeRegion,
    allowed_regions: tenant.allowedRegions,
    preferred_model: tenant.preferredModel,
    currency: tenant.currency,
    time_zone: tenant.timeZone,
    billing: tenant.billing,
    max_budget: moneyText(tenant.maxBudgetPico),
    soft_budget: moneyText(tenant.softBudgetPico),
    budget_duration: tenant.budgetDuration,
    replays_answers: tenant.replaysAnswers,
    is_suspended: tenant.isSuspended,
    created_at: tenant.createdAt,
    updated_at: tenant.updatedAt,
  }
}

/** Fields of a body in the domain's names; what the body leaves out is left out. */
export function tenantFields(body: ChangeTenantBody) {
  return given({
    name: body.name,
    tier: body.tier,
    homeRegion: body.home_region,
    allowedRegions: body.allowed_regions,
    preferredModel: body.preferred_model,
    timeZone: body.time_zone,
    billing: body.billing,
    maxBudgetPico: body.max_budget,
    softBudgetPico: body.soft_budget,
    budgetDuration: body.budget_duration,
    replaysAnswers: body.replays_answers,
    isSuspended: body.is_suspended,
  })
}

/** A project as the wire has it. */
export const projectReply = z
  .strictObject({
    id: z.uuid(),
    slug: z.string(),
    name: z.string(),
    default_model: z.string().nullable(),
    allowed_models: z.array(z.string()).readonly().nullable(),
    max_budget: moneyReply.nullable(),
    soft_budget: moneyReply.nullable(),
    budget_duration: budgetDuration,
    created_at: instantReply,
  })
  .meta({ id: 'Project', description: 'Null: none of its own; what holds for the tenant holds' })

export function projectWire(project: Project): z.output<typeof projectReply> {
  return {
    id: project.id,
    slug: project.slug,
    name: project.name,
    default_model: project.defaultModel,
    allowed_models: project.allowedModels,
    max_budget: moneyText(project.maxBudgetPico),
    soft_budget: moneyText(project.softBudgetPico),
    budget_duration: project.budgetDuration,
    created_at: project.createdAt,
  }
}

/** Fields of a project's body in the domain's names. */
export function projectFields(body: ChangeProjectBody) {
  return given({
    slug: body.slug,
    name: body.name,
    defaultModel: body.default_model,
    allowedModels: body.allowed_models,
    maxBudgetPico: body.max_budget,
    softBudgetPico: body.soft_budget,
    budgetDuration: body.budget_duration,
  })
}

/** Without the fields that are undefined: TypeORM and spreads would take those for values. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
