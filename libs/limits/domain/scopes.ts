import { bucketTag, type BudgetTerms, type Caller, type CallerProject, type CallerTenant } from '@tollgate/kernel'
import { ALWAYS, tenantPeriodAt, type Period } from './period'

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
  /** `tenant`, `project:<id>`, `key:<id>` or `credit`: with the period, the key of its row in budget_period. */
  readonly scope: string
  readonly rule: string
  readonly maxPico: bigint | null
  readonly period: Period
}

/** Scope of prepaid credit: a budget whose limit is the sum of all grants, in a period that never ends. */
export const CREDIT = 'credit'

/** Everything a call of this caller is measured by. The tenant's own budget replaces the tier's. */
export interface CallScopes {
  readonly limiters: readonly LimiterScope[]
  readonly budgets: readonly BudgetScope[]
}

/** Scopes of a caller's calls while no period ends, with the names that every call of theirs repeats. */
export interface StandingScopes extends CallScopes {
  readonly limiterKeys: readonly string[]
  readonly budgetKeys: readonly string[]
  /** `scope|period` of each budget. */
  readonly budgetNames: readonly string[]
  /** The instants they hold for: from the first, before the second (epoch ms). */
  readonly fromMs: number
  readonly untilMs: number
}

/** The scopes of a call at an instant, ready to be kept until the first of their periods ends. */
export function standingScopes(caller: Caller, tier: TierLimits, project: CallerProject | null, nowMs: number): StandingScopes {
  const scopes = scopesOf(caller, tier, project, nowMs)
  const { limiters, budgets } = scopes
  return {
    ...scopes,
    limiterKeys: limiters.map(({ redisKey }) => redisKey),
    budgetKeys: budgets.map(({ redisKey }) => redisKey),
    budgetNames: budgets.map(({ scope, period }) => `${scope}|${period.id}`),
    fromMs: Math.max(...budgets.map(({ period }) => period.startsAtMs)),
    untilMs: Math.min(...budgets.map(({ period }) => period.endsAtMs)),
  }
}

/** Builds the scopes of a call at an instant. Every call spends from the tenant's budget, even without a limit: it is counted there. */
export function scopesOf(caller: Caller, tier: TierLimits, project: CallerProject | null, nowMs: number): CallScopes {
  const { tenant, key } = caller
  const tag = bucketTag(tenant.bucket)
  const tierRule = `${tier.slug} tier`
  const limiters: LimiterScope[] = [{ redisKey: `${tag}:lim:t:${tenant.id}`, rule: tierRule, requestsPerMinute: tier.requestsPerMinute, tokensPerMinute: tier.tokensPerMinute, maxParallel: tier.maxParallel }]
  if (key.requestsPerMinute !== null || key.tokensPerMinute !== null || key.maxParallel !== null)
    limiters.push({ redisKey: `${tag}:lim:k:${key.id}`, rule: 'API key', requestsPerMinute: key.requestsPerMinute, tokensPerMinute: key.tokensPerMinute, maxParallel: key.maxParallel })

  const rule = tenant.budget.maxPico !== null ? 'tenant budget' : tierRule
  const budgets: BudgetScope[] = [budget(tag, 'tenant', rule, tenantTerms(tenant.budget, tier.budget), tenant, nowMs)]
  if (project && hasBudget(project.budget)) budgets.push(budget(tag, `project:${project.id}`, `project ${project.slug}`, project.budget, tenant, nowMs))
  if (hasBudget(key.budget)) budgets.push(budget(tag, `key:${key.id}`, 'API key', key.budget, tenant, nowMs))
  if (tenant.creditPico !== null) budgets.push({ redisKey: budgetRedisKey(tag, tenant.id, CREDIT, ALWAYS.id), scope: CREDIT, rule: 'prepaid credit', maxPico: tenant.creditPico, period: ALWAYS })
  return { limiters, budgets }
}

/**
 * The terms a tenant's calls are measured by: its own limit replaces its tier's, with its period. A soft budget of its
 * own goes with whichever limit is in force, and only where there is none has a period of its own.
 */
export function tenantTerms(own: BudgetTerms, tier: BudgetTerms): BudgetTerms {
  if (own.maxPico !== null) return own
  if (own.softPico === null) return tier
  return { maxPico: tier.maxPico, softPico: own.softPico, duration: tier.maxPico === null ? own.duration : tier.duration }
}

/** A project or key without either budget is not counted apart. */
function hasBudget({ maxPico, softPico }: BudgetTerms): boolean {
  return maxPico !== null || softPico !== null
}

/** Redis key of a budget's sums; `scope|period` names the same budget in claims. */
export function budgetRedisKey(tag: string, tenantId: string, scope: string, periodId: string): string {
  return `${tag}:bud:${tenantId}:${scope}:${periodId}`
}

function budget(tag: string, scope: string, rule: string, terms: BudgetTerms, { id, timeZone, formerZones }: CallerTenant, nowMs: number): BudgetScope {
  const period = tenantPeriodAt(nowMs, timeZone, formerZones, terms.duration)
  return { redisKey: budgetRedisKey(tag, id, scope, period.id), scope, rule, maxPico: terms.maxPico, period }
}
