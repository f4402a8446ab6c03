import { MOST_CHARGE_PICO, type Pico, type Usage } from '@tollgate/kernel'

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
  /** Under which its provider can be asked later what it cost, where it did not say; absent = under none. */
  readonly generation?: string
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
  /** Digest of the weights that answered; null where the host's kind has none. */
  readonly model_digest: string | null
  /** Where the call was allowed to go: the database refuses a row whose region is not among them. Null = a draft that went nowhere. */
  readonly allowed_regions: readonly string[] | null
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
  /** The request of a client that this call is one of several for, by the id of their first, itself included; absent = it is the whole request. */
  readonly parent_rid?: string
}

type ChargeColumns = Pick<UsageClaim, 'amount_pico' | 'prompt_tokens' | 'completion_tokens' | 'cached_tokens' | 'cache_write_tokens' | 'reasoning_tokens' | 'usage_source'>

/**
 * The columns of a usage and what it is charged. @throws RangeError for a negative or absurd amount: arithmetic must
 * never become a credit (F7)
 */
export function chargeColumns(usage: Usage, amountPico: Pico): ChargeColumns {
  if (amountPico < 0n || amountPico > MOST_CHARGE_PICO) throw new RangeError(`amount ${amountPico} is outside 0…${MOST_CHARGE_PICO} pico`)
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

/** What a draft leaves out: nothing was used yet, nobody served it, and the sweep is the only one to claim it. */
const UNUSED = {
  rank: 0,
  amount_pico: '0',
  provider: '',
  region: '',
  host: '',
  model_digest: null,
  allowed_regions: null,
  status: 'swept',
  error_code: null,
  finish_reason: null,
  prompt_tokens: 0,
  completion_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  usage_source: 'estimated',
  raw_usage: null,
  flags: [],
  price_id: null,
  duration_ms: 0,
  first_event_ms: null,
  attempts: 0,
  provider_attempts: [],
} as const

/** A claim before anything is known, as it is kept from admission to the first checkpoint. `parseClaim` adds the rest. */
export type DraftClaim = Omit<UsageClaim, keyof typeof UNUSED | 'day' | 'started_at'>

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
  return { ...UNUSED, ...claim, day: startedAt.slice(0, 10), started_at: startedAt }
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
