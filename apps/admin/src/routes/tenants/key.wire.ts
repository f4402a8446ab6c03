import { instantReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { decimalFromPico } from '@tollgate/kernel'
import type { KeyAdminService } from '@tollgate/tenants'
import { KEY_SCOPES, type ApiKey } from '@tollgate/tenants/domain'
import { budgetDuration, moneyText } from '../../fields.schema'
import type { CreateKeyBody } from './key.schema'
import { given } from './tenant.wire'

type KeySpend = NonNullable<ReturnType<Awaited<ReturnType<KeyAdminService['spend']>>['get']>>

/** A key as the wire has it: never its text or hash. */
export const keyReply = z
  .strictObject({
    id: z.uuid(),
    name: z.string(),
    key_prefix: z.string(),
    project_id: z.uuid().nullable(),
    created_by: z.uuid().nullable().meta({ description: 'Account that made it; null: made by the system, or the account is gone' }),
    allowed_models: z.array(z.string()).readonly().nullable(),
    allowed_regions: z.array(z.string()).readonly().nullable(),
    rpm_limit: z.int().nullable(),
    tpm_limit: z.int().nullable(),
    max_parallel_requests: z.int().nullable(),
    max_budget: moneyReply.nullable(),
    soft_budget: moneyReply.nullable(),
    budget_duration: budgetDuration,
    ip_cidrs: z.array(z.string()).readonly().nullable(),
    scopes: z.array(z.string().meta({ enum: KEY_SCOPES })).readonly(),
    expires_at: instantReply.nullable(),
    revoked_at: instantReply.nullable(),
    last_used_at: z.iso.date().nullable().meta({ description: 'The day; null: never yet' }),
    created_at: instantReply,
    usage: moneyReply.meta({ description: 'What it has cost in all, decimal string' }),
    usage_daily: moneyReply.meta({ description: 'Since midnight UTC, decimal string' }),
    usage_weekly: moneyReply.meta({ description: 'Since Monday UTC, decimal string' }),
    usage_monthly: moneyReply.meta({ description: 'Since the first of the month UTC, decimal string' }),
    limit_remaining: moneyReply.nullable().meta({ description: 'What is left of max_budget in its running period; null: it has none' }),
  })
  .meta({ id: 'ApiKey', description: 'Null limits, lists and budgets: none of its own; what holds for the tenant and its project holds' })

const keyText = z.string().meta({ description: 'The key itself, shown this once' })

/** The only reply that ever holds the key. */
export const issuedKeyReply = keyReply.extend({ key: keyText }).meta({ id: 'IssuedApiKey' })

/** A key in place of another, and when that one ends. */
export const rotatedKeyReply = keyReply.extend({ key: keyText, replaces: z.strictObject({ id: z.uuid(), expires_at: instantReply }) }).meta({ id: 'RotatedApiKey' })

/** Missing spend means none. */
export function keyWire(key: ApiKey, spend: KeySpend | undefined): z.output<typeof keyReply> {
  const left = key.maxBudgetPico === null ? null : key.maxBudgetPico - (spend?.periodPico ?? 0n)
  return {
    id: key.id,
    name: key.name,
    key_prefix: key.keyPrefix,
    project_id: key.projectId,
    created_by: key.accountId,
    allowed_models: key.allowedModels,
    allowed_regions: key.allowedRegions,
    rpm_limit: key.rpmLimit,
    tpm_limit: key.tpmLimit,
    max_parallel_requests: key.maxParallelRequests,
    max_budget: moneyText(key.maxBudgetPico),
    soft_budget: moneyText(key.softBudgetPico),
    budget_duration: key.budgetDuration,
    ip_cidrs: key.ipCidrs,
    scopes: key.scopes,
    expires_at: key.expiresAt,
    revoked_at: key.revokedAt,
    last_used_at: key.lastUsedOn,
    created_at: key.createdAt,
    usage: decimalFromPico(spend?.totalPico ?? 0n),
    usage_daily: decimalFromPico(spend?.dailyPico ?? 0n),
    usage_weekly: decimalFromPico(spend?.weeklyPico ?? 0n),
    usage_monthly: decimalFromPico(spend?.monthlyPico ?? 0n),
    limit_remaining: moneyText(left !== null && left < 0n ? 0n : left),
  }
}

/** A body in the domain's names. */
export function keyFields(body: CreateKeyBody) {
  const optional = given({
    project: body.project,
    allowedModels: body.allowed_models,
    allowedRegions: body.allowed_regions,
    rpmLimit: body.rpm_limit,
    tpmLimit: body.tpm_limit,
    maxParallelRequests: body.max_parallel_requests,
    maxBudgetPico: body.max_budget,
    softBudgetPico: body.soft_budget,
    budgetDuration: body.budget_duration,
    expiresAt: body.expires_at,
    ipCidrs: body.ip_cidrs,
    scopes: body.scopes,
  })
  return { name: body.name, ...optional }
}
