import { decimalFromPico, refuse, type Refusal } from '@tollgate/kernel'
import { CREDIT, type BudgetScope, type CallScopes } from './scopes'

/** What the admission script may answer, parsed. Times are milliseconds of Redis TIME; -1 = no such limit. */
export type AdmissionAnswer =
  | { readonly code: 'OK'; readonly nowMs: number; readonly headroom: Headroom; readonly standings: readonly BudgetStanding[] }
  | { readonly code: 'RATE'; readonly index: number; readonly unit: 'requests' | 'tokens'; readonly limit: number; readonly used: number; readonly waitMs: number }
  | { readonly code: 'PARALLEL'; readonly index: number; readonly limit: number; readonly used: number }
  | { readonly code: 'BUDGET'; readonly index: number; readonly limitNano: bigint; readonly usedNano: bigint; readonly reservedNano: bigint }
  | { readonly code: 'LOAD'; readonly index: number }
  | { readonly code: 'PERIOD'; readonly nowMs: number }
  | { readonly code: 'GRACE'; readonly waitMs: number }
  | { readonly code: 'BORN' | 'REVOKED' | 'EPOCH' | 'DUP' }

/** What is left in the tightest window of each unit, for the `x-ratelimit-*` headers. Null = unlimited. */
export interface Headroom {
  readonly requests: { readonly limit: number; readonly remaining: number } | null
  readonly tokens: { readonly limit: number; readonly remaining: number } | null
}

/** What a budget stood at when a call was let in, without that call. Nano; in the order of its scopes. */
export interface BudgetStanding {
  readonly usedNano: number
  readonly reservedNano: number
}

/** Parses the array a script answers. @throws on an answer this release does not know */
export function parseAnswer(reply: unknown): AdmissionAnswer {
  const [code, ...rest] = reply as [string, ...(string | number)[]]
  const number = (at: number) => Number(rest[at])
  switch (code) {
    case 'OK':
      return { code, nowMs: number(0), headroom: { requests: window(number(3), number(1)), tokens: window(number(4), number(2)) }, standings: standingsOf(rest.slice(5)) }
    case 'RATE':
      return { code, index: number(0) - 1, unit: rest[1] as 'requests' | 'tokens', limit: number(2), used: number(3), waitMs: number(4) }
    case 'PARALLEL':
      return { code, index: number(0) - 1, limit: number(1), used: number(2) }
    case 'BUDGET':
      return { code, index: number(0) - 1, limitNano: BigInt(rest[1]!), usedNano: BigInt(rest[2]!), reservedNano: BigInt(rest[3]!) }
    case 'LOAD':
      return { code, index: number(0) - 1 }
    case 'PERIOD':
      return { code, nowMs: number(1) }
    case 'GRACE':
      return { code, waitMs: number(0) }
    case 'BORN':
    case 'REVOKED':
    case 'EPOCH':
    case 'DUP':
      return { code }
    default:
      throw new Error(`admission answered ${code}`)
  }
}

function window(limit: number, remaining: number): Headroom['requests'] {
  return limit < 0 ? null : { limit, remaining }
}

function standingsOf(sums: readonly (string | number)[]): BudgetStanding[] {
  return Array.from({ length: sums.length / 2 }, (_, i) => ({ usedNano: Number(sums[2 * i]), reservedNano: Number(sums[2 * i + 1]) }))
}

/** What a refused call asked for. */
export interface Asked {
  readonly tokens: number
  readonly estimatePico: bigint
  readonly currency: string
}

/** Turns a denial into a refusal that names the limit, its value, what is used and reserved, and when it resets. */
export function refusalOf(answer: AdmissionAnswer, scopes: CallScopes, asked: Asked): Refusal | null {
  switch (answer.code) {
    case 'RATE':
      return rateRefusal(answer, scopes.limiters[answer.index]!.rule, asked)
    case 'PARALLEL': {
      const { rule } = scopes.limiters[answer.index]!
      const details = { rule, limit: answer.limit, used: answer.used, unit: 'parallel_requests' }
      return refuse('concurrency_limit_exceeded', { limit: answer.limit, rule }, { details, retryAfterSeconds: 1 })
    }
    case 'BUDGET':
      return budgetRefusal(answer, scopes.budgets[answer.index]!, asked)
    case 'GRACE':
      return refuse('limits_unavailable', {}, { retryAfterSeconds: Math.max(1, Math.ceil(answer.waitMs / 1000)) })
    case 'REVOKED':
      return refuse('invalid_api_key')
    // Only a retry with an Idempotency-Key brings a request id that was admitted before.
    case 'DUP':
      return refuse('idempotency_in_progress', {}, { retryAfterSeconds: 1 })
    case 'BORN':
    case 'LOAD':
    case 'PERIOD':
      return refuse('limits_unavailable', {}, { retryAfterSeconds: 1 })
    case 'OK':
    case 'EPOCH':
      return null
  }
}

const MOST_RETRY_AFTER_SECONDS = 60

function rateRefusal(answer: Extract<AdmissionAnswer, { code: 'RATE' }>, rule: string, asked: Asked): Refusal {
  const requested = answer.unit === 'tokens' ? Math.min(asked.tokens, answer.limit) : 1
  const seconds = Math.max(1, Math.ceil(answer.waitMs / 1000))
  const unit = `${answer.unit} per minute`
  return refuse(
    'rate_limit_exceeded',
    { limit: answer.limit, unit, rule, used: answer.used, requested, retry: seconds },
    // A window of a minute may take a slot longer; whoever comes back after the minute that SDKs wait at most is told the rest.
    { details: { rule, unit: answer.unit, limit: answer.limit, used: answer.used, requested, reset_seconds: seconds }, retryAfterSeconds: Math.min(MOST_RETRY_AFTER_SECONDS, seconds) },
  )
}

function budgetRefusal(answer: Extract<AdmissionAnswer, { code: 'BUDGET' }>, budget: BudgetScope, asked: Asked): Refusal {
  const decimal = (nano: bigint) => decimalFromPico(nano * 1000n)
  const resetsAt = resetOf(budget)
  // The limit as it was set: Redis knows it in whole nano.
  const words = { limit: decimalFromPico(budget.maxPico ?? answer.limitNano * 1000n), used: decimal(answer.usedNano), reserved: decimal(answer.reservedNano), currency: asked.currency }
  const requested = decimalFromPico(asked.estimatePico)
  const details = { rule: budget.rule, ...words, requested, ...(resetsAt === null ? {} : { period: budget.period.id }), resets_at: resetsAt }
  if (resetsAt === null) return refuse('insufficient_credit', { ...words, requested }, { details, shouldRetry: false })
  const period = budget.period.id.split(':')[0]!
  return refuse('budget_exceeded', { ...words, rule: budget.rule, requested, period, reset: resetsAt }, { details, shouldRetry: false })
}

/** The budgets a call was let in by, as they stood without it: a limit of null is none, sums of null are not known any more. */
export function budgetsTold({ scopes, standings }: { readonly scopes: readonly BudgetScope[]; readonly standings: readonly BudgetStanding[] }): Record<string, string | null>[] {
  const decimal = (nano: number | undefined) => (nano === undefined ? null : decimalFromPico(BigInt(nano) * 1000n))
  return scopes.map((budget, i) => ({
    budget: `${budget.scope}|${budget.period.id}`,
    rule: budget.rule,
    limit: budget.maxPico === null ? null : decimalFromPico(budget.maxPico),
    used: decimal(standings[i]?.usedNano),
    reserved: decimal(standings[i]?.reservedNano),
    resets_at: resetOf(budget),
  }))
}

/** When a budget begins anew, RFC 3339. Prepaid credit never does. */
export function resetOf({ scope, period }: BudgetScope): string | null {
  return scope === CREDIT ? null : new Date(period.endsAtMs).toISOString()
}
