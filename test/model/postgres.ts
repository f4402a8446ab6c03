// The SQL function apply_claims (migrations/0005_settlement.sql), as one atomic change of the model's Postgres.
import type { Sums } from './redis-scripts'
import type { Scenario } from './scenario'
import { Rank, type State } from './state'

/** A claim on its way into the ledger. */
export interface Claim {
  readonly call: number
  readonly rank: number
  readonly amount: number
}

/**
 * Applies claims in one transaction and answers the sums. A higher rank replaces a row and posts the difference; equal
 * or lower changes nothing. The version moves when anything was posted.
 */
export function applyClaims(s: State, claims: readonly Claim[], { without }: Scenario): Sums {
  let hasPosted = false
  for (const { call, rank, amount } of claims) {
    const c = s.calls[call]!
    const isPlainInsert = without === 'idempotent insert'
    if (c.row >= rank && !isPlainInsert) continue
    const delta = isPlainInsert || c.row === Rank.None ? amount : amount - c.rowAmount
    c.row = rank
    c.rowAmount = amount
    c.ledger += delta
    s.spent += delta
    hasPosted = true
  }
  if (hasPosted) s.spentVersion++
  return { spent: s.spent, version: s.spentVersion }
}
