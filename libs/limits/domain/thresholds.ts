import type { BudgetTerms } from '@tollgate/kernel'
import { CREDIT, tenantTerms } from './scopes'

/** What is spent in an open period, with all that may bound it. Money is pico of `currency`. */
export interface WatchedSum {
  readonly tenantId: string
  readonly tenantSlug: string
  readonly currency: string
  readonly scope: string
  readonly period: string
  readonly endsAtMs: number
  readonly spentPico: bigint
  /** The limit at which a call was last refused for want of it; null = never. */
  readonly refusedLimitPico: bigint | null
  readonly tenant: BudgetTerms
  readonly tier: BudgetTerms
  /** Of the project or key the scope names; null for other scopes, and when it is gone. */
  readonly own: BudgetTerms | null
  /** Null = not prepaid. `lastPico` is the latest grant, reversals not counted; null = none yet. */
  readonly credit: { readonly grantedPico: bigint; readonly lastPico: bigint | null } | null
}

/** Which threshold was passed: `low` is of credit only, `soft_exceeded` of budgets only. */
export type CrossingKind = 'soft_exceeded' | 'exhausted' | 'low'

/** A threshold that a sum has passed. With tenant, kind, scope and period, `thresholdPico` says which one: a changed limit is another. */
export interface Crossing {
  readonly kind: CrossingKind
  readonly tenantId: string
  readonly tenantSlug: string
  readonly currency: string
  readonly scope: string
  readonly period: string
  /** Null = never: prepaid credit. */
  readonly resetsAtMs: number | null
  readonly thresholdPico: bigint
  readonly softPico: bigint | null
  readonly limitPico: bigint | null
  readonly spentPico: bigint
}

/** Credit is low when a fifth of the latest grant, or less, is left. */
const LOW_PART = 5n

/** What a sum has passed, by the terms in force now. Periods of another length than theirs are over for good. */
export function crossingsOf(sum: WatchedSum): Crossing[] {
  if (sum.scope === CREDIT) return sum.credit ? creditCrossings(sum, sum.credit) : []
  const terms = sum.scope === 'tenant' ? tenantTerms(sum.tenant, sum.tier) : sum.own
  if (!terms || sum.period.split(':')[0] !== terms.duration) return []
  const { softPico, maxPico } = terms
  const crossing = crossingOf(sum, softPico, maxPico)
  const found: Crossing[] = []
  if (softPico !== null && sum.spentPico > softPico) found.push(crossing('soft_exceeded', softPico))
  if (maxPico !== null && isExhausted(sum, maxPico)) found.push(crossing('exhausted', maxPico))
  return found
}

function creditCrossings(sum: WatchedSum, { grantedPico, lastPico }: NonNullable<WatchedSum['credit']>): Crossing[] {
  const crossing = crossingOf(sum, null, grantedPico)
  const found: Crossing[] = []
  const lowPico = lastPico === null ? null : grantedPico - lastPico / LOW_PART
  if (lowPico !== null && sum.spentPico >= lowPico) found.push(crossing('low', lowPico))
  if (isExhausted(sum, grantedPico)) found.push(crossing('exhausted', grantedPico))
  return found
}

/** A call is refused when its most does not fit, so a limit is seldom spent to the last unit: the refusal tells. */
function isExhausted({ spentPico, refusedLimitPico }: WatchedSum, limitPico: bigint): boolean {
  return refusedLimitPico === limitPico || (limitPico > 0n && spentPico >= limitPico)
}

function crossingOf(sum: WatchedSum, softPico: bigint | null, limitPico: bigint | null) {
  const { tenantId, tenantSlug, currency, scope, period, spentPico } = sum
  const resetsAtMs = scope === CREDIT ? null : sum.endsAtMs
  return (kind: CrossingKind, thresholdPico: bigint): Crossing => ({ kind, tenantId, tenantSlug, currency, scope, period, resetsAtMs, thresholdPico, softPico, limitPico, spentPico })
}
