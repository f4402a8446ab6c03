import { instantReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { canonicalModel } from '@tollgate/kernel'
import type { WRITABLE_FIELDS } from '@tollgate/tenants/domain'
import type { TierVersion } from '@tollgate/tiers'
import { budgetDuration, moneyText } from '../../fields.schema'
import { cutStreamPolicy, type TierBody } from './tier.schema'

/** A version of a tier as the wire has it. Null limits mean unlimited. */
export const tierReply = z
  .strictObject({
    slug: z.string(),
    version: z.int(),
    name: z.string(),
    models: z.array(z.string()).readonly(),
    denied_models: z.array(z.string()).readonly(),
    regions: z.array(z.string()).readonly(),
    features: z.record(z.string(), z.unknown()),
    rpm_limit: z.int().nullable(),
    tpm_limit: z.int().nullable(),
    max_parallel_requests: z.int().nullable(),
    queue_weight: z.int(),
    max_output_tokens: z.int(),
    max_budget: moneyReply.nullable(),
    soft_budget: moneyReply.nullable(),
    budget_duration: budgetDuration,
    default_model: z.string().nullable(),
    cut_stream_policy: cutStreamPolicy,
    created_at: instantReply,
  })
  .meta({ id: 'Tier' })

/** The version in force, and all before it. */
export const tierHistoryReply = tierReply.extend({ older_versions: z.array(tierReply) }).meta({ id: 'TierHistory' })

export function tierWire(tier: TierVersion): z.output<typeof tierReply> {
  return {
    slug: tier.slug,
    version: tier.version,
    name: tier.name,
    models: tier.models,
    denied_models: tier.deniedModels,
    regions: tier.regions,
    features: tier.features,
    rpm_limit: tier.requestsPerMinute,
    tpm_limit: tier.tokensPerMinute,
    max_parallel_requests: tier.maxParallel,
    queue_weight: tier.queueWeight,
    max_output_tokens: tier.maxOutputTokens,
    max_budget: moneyText(tier.budget.maxPico),
    soft_budget: moneyText(tier.budget.softPico),
    budget_duration: tier.budget.duration,
    default_model: tier.defaultModel,
    cut_stream_policy: tier.cutStreamPolicy,
    created_at: tier.createdAt,
  }
}

/** A body as a tier without its version. */
export function tierOf(slug: string, body: TierBody) {
  return {
    slug,
    name: body.name,
    models: body.models.map(canonicalModel),
    deniedModels: body.denied_models.map(canonicalModel),
    regions: body.regions,
    features: body.features,
    requestsPerMinute: body.rpm_limit,
    tokensPerMinute: body.tpm_limit,
    maxParallel: body.max_parallel_requests,
    queueWeight: body.queue_weight,
    maxOutputTokens: body.max_output_tokens,
    budget: { maxPico: body.max_budget, softPico: body.soft_budget, duration: body.budget_duration },
    defaultModel: body.default_model === null ? null : canonicalModel(body.default_model),
    cutStreamPolicy: body.cut_stream_policy,
  }
}

/** Money fields in which a wanted tier differs from the one in force; all of them for a new tier. */
export function changedMoney(body: TierBody, current: TierVersion | null): (keyof typeof WRITABLE_FIELDS.tier)[] {
  const changed = [
    ['max_budget', body.max_budget !== current?.budget.maxPico],
    ['soft_budget', body.soft_budget !== current?.budget.softPico],
    ['budget_duration', body.budget_duration !== current?.budget.duration],
  ] as const
  return changed.flatMap(([field, isChanged]) => (isChanged ? [field] : []))
}
