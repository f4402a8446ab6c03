import { isTokenCount, MAX_TOKENS_PER_CALL, MOST_CHARGE_PICO } from '@tollgate/kernel'
import type { ProviderAttempt, UsageClaim } from './claim'

const MOST_MS = 2 ** 31 - 1
const MOST_ATTEMPTS = 2 ** 15 - 1
const COUNTS = ['prompt_tokens', 'completion_tokens', 'cached_tokens', 'cache_write_tokens', 'reasoning_tokens'] as const

/**
 * Why a claim cannot be applied as it stands, or null. It comes before Postgres because Postgres is more forgiving: it
 * reads "12", 0x1f and 1_000 as numbers. What is right in form but wrong for a table is left to the table's constraints.
 */
export function claimProblem(claim: UsageClaim): string | null {
  if (claim.rank !== 0 && claim.rank !== 1) return 'rank is neither 0 nor 1'
  if (!isAmount(claim.amount_pico)) return 'amount_pico is no decimal text from 0 to 10^17'
  const badCount = COUNTS.find((name) => !isTokenCount(claim[name]))
  if (badCount) return `${badCount} is no whole number from 0 to ${MAX_TOKENS_PER_CALL}`
  if (!isCount(claim.duration_ms, MOST_MS)) return 'duration_ms is no whole number of milliseconds'
  if (typeof claim.started_at !== 'string' || utcDateOf(claim.started_at) !== claim.day) return 'day is not the UTC date on which the call began'
  if (!Array.isArray(claim.provider_attempts)) return 'provider_attempts is no list'
  const bad = claim.provider_attempts.findIndex((attempt) => !isAttempt(attempt))
  return bad < 0 ? null : `provider_attempts.${bad} has a wrong number, duration or cost`
}

function isAttempt(attempt: Partial<ProviderAttempt> | null): boolean {
  if (!attempt || !isCount(attempt.attempt, MOST_ATTEMPTS) || !isCount(attempt.duration_ms, MOST_MS)) return false
  return attempt.cost_pico === null || isAmount(attempt.cost_pico)
}

function isCount(value: unknown, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
}

function isAmount(value: unknown): boolean {
  return typeof value === 'string' && /^(0|[1-9]\d{0,17})$/.test(value) && BigInt(value) <= MOST_CHARGE_PICO
}

function utcDateOf(text: string): string | null {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().slice(0, 10)
}
