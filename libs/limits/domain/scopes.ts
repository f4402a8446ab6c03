import { bucketTag, type BudgetTerms, type Caller, type CallerProject } from '@tollgate/kernel'
import { periodAt, type Period } from './period'

/** A tier's limits, as the corridor hands them over. Null = no limit. */
export interface TierLimits {
  readonly slug: string
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly maxParallel: number | null
  readonly budget: BudgetTerms
}

/** One set of windows a call counts in. */
export interface LimiterScope {
  readonly redisKey: string
  /** For people: which rule it is, e.g. `free tier` or `API key`. */
  readonly rule: string
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly maxParallel: number | null
}

/** One budget a call spends from, in its current period. */
export interface BudgetScope {
  readonly redisKey: string
  /** `tenant`, `project:<id>` or `key:<id>`: with the period, the key of its row in budget_period. */
  readonly scope: string
  readonly rule: string
  readonly maxPico: bigint | null
  readonly period: Period
}

/** Everything a call of this caller is measured by. The tenant's own budget replaces the tier's. */
export interface CallScopes {
  readonly limiters: readonly LimiterScope[]
  readonly budgets: readonly BudgetScope[]
}

/** Builds the scopes of a call at an instant. Every call spends from the tenant's budget, even without a limit: it is counted there. */
export function scopesOf(caller: Caller, tier: TierLimits, project: CallerProject | null, nowMs: number): CallScopes {
  const { tenant, key } = caller
  const tag = bucketTag(tenant.bucket)
  const tierRule = `${tier.slug} tier`
  const limiters: LimiterScope[] = [{ redisKey: `${tag}:lim:t:${tenant.id}`, rule: tierRule, requestsPerMinute: tier.requestsPerMinute, tokensPerMinute: tier.tokensPerMinute, maxParallel: tier.maxParallel }]
  if (key.requestsPerMinute !== null || key.tokensPerMinute !== null || key.maxParallel !== null)
    limiters.push({ redisKey: `${tag}:lim:k:${key.id}`, rule: 'API key', requestsPerMinute: key.requestsPerMinute, tokensPerMinute: key.tokensPerMinute, maxParallel: key.maxParallel })

  const isOwn = tenant.budget.maxPico !== null
  const terms = isOwn ? tenant.budget : tier.budget
  const budgets: BudgetScope[] = [budget(tag, tenant.id, 'tenant', isOwn ? 'tenant budget' : tierRule, terms, tenant.timeZone, nowMs)]
  if (project?.budget.maxPico != null) budgets.push(budget(tag, tenant.id, `project:${project.id}`, `project ${project.slug}`, project.budget, tenant.timeZone, nowMs))
  if (key.budget.maxPico !== null) budgets.push(budget(tag, tenant.id, `key:${key.id}`, 'API key', key.budget, tenant.timeZone, nowMs))
  return { limiters, budgets }
}

/** Redis key of a budget's sums; `scope|period` names the same budget in claims. */
export function budgetRedisKey(tag: string, tenantId: string, scope: string, periodId: string): string {
  return `${tag}:bud:${tenantId}:${scope}:${periodId}`
}

function budget(tag: string, tenantId: string, scope: string, rule: string, terms: BudgetTerms, timeZone: string, nowMs: number): BudgetScope {
  const period = periodAt(nowMs, timeZone, terms.duration)
  return { redisKey: budgetRedisKey(tag, tenantId, scope, period.id), scope, rule, maxPico: terms.maxPico, period }
}
