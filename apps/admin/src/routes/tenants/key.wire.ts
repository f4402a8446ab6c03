import type { KeyAdminService } from '@tollgate/tenants'
import type { ApiKey } from '@tollgate/tenants/domain'
import { moneyText } from '../../fields.schema'
import type { CreateKeyBody } from './key.schema'
import { given } from './tenant.wire'

type KeySpend = NonNullable<ReturnType<Awaited<ReturnType<KeyAdminService['spend']>>['get']>>

/** A key as the wire has it: never its text or hash. `usage` figures are money; missing spend means none. */
export function keyWire(key: ApiKey, spend: KeySpend | undefined) {
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
    usage: moneyText(spend?.totalPico ?? 0n),
    usage_daily: moneyText(spend?.dailyPico ?? 0n),
    usage_weekly: moneyText(spend?.weeklyPico ?? 0n),
    usage_monthly: moneyText(spend?.monthlyPico ?? 0n),
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
