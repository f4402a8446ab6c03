import type { Rest } from '../support/books'
import type { Verdict } from '../support/verdict'
import type { FaultRecord } from './conductor'

/** A hard budget at the end of a run; amounts are pico as text. */
export interface BudgetEnd {
  readonly tenant: string
  readonly limitPico: string
  readonly spentPico: string
  /** What upstreams made for this tenant, billed or not. */
  readonly madePico: string
  readonly refused: number
}

/** A figure of the test catalogue that is no invariant: a slow machine may miss it. */
export interface Target {
  readonly what: string
  readonly wanted: string
  readonly found: string
  readonly isMet: boolean
}

/** One chaos run. */
export interface ChaosResult {
  readonly scenario: string
  readonly seed: number
  readonly loadSeconds: number
  readonly startedAt: string
  readonly faults: readonly FaultRecord[]
  readonly verdict: Verdict
  readonly shortfallBoundTokens: number
  readonly budgets: readonly BudgetEnd[]
  /** Refusals by status and code, and calls that were cut or reached nobody. */
  readonly refusals: Readonly<Record<string, number>>
  /** Answers 401, 402 and 403: no caller was to blame, so infrastructure was. */
  readonly blamed: number
  readonly hung: number
  /** From the last call's end until nothing was reserved, unconfirmed, held or queued; null = never. */
  readonly restAfterMs: number | null
  /** What was last waited for; null = it was at rest at once. */
  readonly unrest: Rest | null
  readonly targets: readonly Target[]
  /** Invariants that broke, with request ids. Empty = the run is clean. */
  readonly broken: readonly string[]
  readonly replay: string
}
