import type { BudgetStanding, Headroom } from './admission'
import type { BudgetScope } from './scopes'

/** What a running call holds: enough to settle it, checkpoint it, and rebuild it when Redis lost everything. */
export interface Reservation {
  readonly rid: string
  readonly tenantId: string
  readonly keyId: string
  readonly bucket: number
  readonly estimateNano: number
  readonly estimateTokens: number
  readonly limiterKeys: readonly string[]
  readonly budgetKeys: readonly string[]
  /** `scope|period` of each budget, in the order of `budgetKeys`: what claims carry. */
  readonly budgets: readonly string[]
  /** Redis TIME of admission. Its UTC date is the call's day for ever (metering.md). */
  readonly admittedAtMs: number
  readonly headroom: Headroom
  /** The budgets themselves, and what each stood at, in the order of `budgetKeys`. */
  readonly scopes: readonly BudgetScope[]
  readonly standings: readonly BudgetStanding[]
}

/** Sums of a budget as Postgres committed them. */
export interface BudgetSums {
  /** `scope|period`. */
  readonly budget: string
  readonly spentPico: bigint
  readonly version: bigint
}
