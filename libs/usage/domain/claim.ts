import type { Pico, Usage } from '@tollgate/kernel'

/** One attempt at an upstream, for provider_cost. */
export interface ProviderAttempt {
  readonly attempt: number
  readonly host: string
  readonly provider: string
  readonly region: string
  readonly model: string
  readonly outcome: string
  readonly duration_ms: number
  /** What the operator pays, when known. */
  readonly cost_pico: string | null
}

/**
 * A claim: the absolute usage of a request id, in the columns of table `usage`, so that `apply_claims` can take it as
 * it is. `rank` 1 is final, 0 an estimate of a call that died. Amounts are decimal text, since JSON numbers are doubles.
 */
export interface UsageClaim {
  readonly tenant_id: string
  readonly day: string
  readonly rid: string
  readonly rank: 0 | 1
  readonly amount_pico: string
  readonly budgets: readonly string[]
  readonly project_id: string | null
  readonly key_id: string
  readonly surface: string
  readonly requested_model: string
  readonly model: string
  readonly provider: string
  readonly region: string
  readonly host: string
  readonly status: 'completed' | 'failed' | 'aborted' | 'swept'
  readonly error_code: string | null
  readonly finish_reason: string | null
  readonly is_stream: boolean
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly cached_tokens: number
  readonly cache_write_tokens: number
  readonly reasoning_tokens: number
  readonly usage_source: 'provider' | 'estimated'
  readonly raw_usage: string | null
  readonly flags: readonly string[]
  readonly price_id: string | null
  readonly duration_ms: number
  readonly first_event_ms: number | null
  readonly attempts: number
  readonly started_at: string
  readonly provider_attempts: readonly ProviderAttempt[]
}

const MOST_PICO = 10n ** 17n

type ChargeColumns = Pick<UsageClaim, 'amount_pico' | 'prompt_tokens' | 'completion_tokens' | 'cached_tokens' | 'cache_write_tokens' | 'reasoning_tokens' | 'usage_source'>

/**
 * The columns of a usage and what it is charged. @throws RangeError for a negative or absurd amount: arithmetic must
 * never become a credit (F7)
 */
export function chargeColumns(usage: Usage, amountPico: Pico): ChargeColumns {
  if (amountPico < 0n || amountPico > MOST_PICO) throw new RangeError(`amount ${amountPico} is outside 0…${MOST_PICO} pico`)
  return {
    amount_pico: amountPico.toString(),
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    cached_tokens: usage.cachedTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    reasoning_tokens: usage.reasoningTokens,
    usage_source: usage.source,
  }
}

/** A queued claim as text. A swept draft takes the day and start of its admission by Redis TIME. Null = not a claim. */
export function parseClaim(text: string, admittedAtMs: number | null): UsageClaim | null {
  let claim: UsageClaim
  try {
    claim = JSON.parse(text) as UsageClaim
  } catch {
    return null
  }
  if (typeof claim !== 'object' || claim === null || typeof claim.rid !== 'string' || typeof claim.tenant_id !== 'string') return null
  if (admittedAtMs === null) return claim
  const startedAt = new Date(admittedAtMs).toISOString()
  return { ...claim, day: startedAt.slice(0, 10), started_at: startedAt }
}

/** Of several claims of one request id keeps the highest rank; sorted by day and id, the order in which rows are locked. */
export function strongestClaims(claims: readonly UsageClaim[]): UsageClaim[] {
  const best = new Map<string, UsageClaim>()
  for (const claim of claims) {
    const known = best.get(claim.rid)
    if (!known || claim.rank > known.rank) best.set(claim.rid, claim)
  }
  return [...best.values()].sort((a, b) => (a.day + a.rid < b.day + b.rid ? -1 : 1))
}
