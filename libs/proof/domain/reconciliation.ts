import { canonicalModel, type Pico } from '@tollgate/kernel'
import type { ExportRow } from './provider-export'

/** What we know of one attempt at a provider: the counts of the attempt that served, nothing of one that failed. */
export interface OurAttempt {
  readonly attempt: number
  readonly host: string
  readonly model: string | null
  readonly promptTokens: number
  readonly completionTokens: number
  readonly source: 'provider' | 'estimated'
  readonly outcome: string
  readonly costPico: Pico | null
  /** False for one that may never have reached the provider, or was refused: an export without it is right too. */
  readonly isExpected: boolean
}

/** One of our calls with its attempts at the provider in question. */
export interface OurCall {
  readonly rid: string
  readonly startedAtMs: number
  readonly status: string
  readonly attempts: readonly OurAttempt[]
}

export type ComparedField = 'model' | 'prompt_tokens' | 'completion_tokens' | 'cost'

/** One row that differs. `here` is ours, `there` the export's. */
export interface Difference {
  readonly kind: 'missing_here' | 'missing_there' | 'different'
  readonly requestId: string | null
  readonly fields: readonly ComparedField[]
  readonly here: (OurAttempt & { readonly startedAtMs: number; readonly status: string }) | null
  readonly there: ExportRow | null
}

/** What the comparison of one request id came to. */
export interface Verdict {
  readonly differences: readonly Difference[]
  /** Export rows that one of our attempts equals. */
  readonly equal: number
  /** Pairs whose cost the export names and we do not know. */
  readonly withoutCost: number
}

/**
 * Holds the export's rows of one request id against our attempts, as multisets: rows that are equal cancel out one by
 * one, what is left pairs up as different (attempts that served first, larger rows first), and the rest is missing.
 * Neither order nor duplicates change what is found.
 */
export function reconcileCall(call: OurCall, rows: readonly ExportRow[]): Verdict {
  const ours = call.attempts.toSorted((a, b) => Number(b.isExpected) - Number(a.isExpected) || b.attempt - a.attempt)
  const left: ExportRow[] = []
  let [equal, withoutCost] = [0, 0]
  for (const row of rows.toSorted(byContent)) {
    const at = ours.findIndex((attempt) => fieldsThatDiffer(attempt, row).length === 0)
    if (at < 0) left.push(row)
    else {
      const [attempt] = ours.splice(at, 1)
      equal++
      if (isCostUnknown(attempt!, row)) withoutCost++
    }
  }
  const hereOf = (attempt: OurAttempt) => ({ ...attempt, startedAtMs: call.startedAtMs, status: call.status })
  const differences = left.map((row): Difference => {
    const attempt = ours.shift()
    if (!attempt) return missingHere(row)
    if (isCostUnknown(attempt, row)) withoutCost++
    return { kind: 'different', requestId: call.rid, fields: fieldsThatDiffer(attempt, row), here: hereOf(attempt), there: row }
  })
  const unseen = ours.filter(({ isExpected }) => isExpected).map((attempt): Difference => ({ kind: 'missing_there', requestId: call.rid, fields: [], here: hereOf(attempt), there: null }))
  return { differences: [...differences, ...unseen], equal, withoutCost }
}

/** A row of the export that no call of ours explains. */
export function missingHere(row: ExportRow): Difference {
  return { kind: 'missing_here', requestId: row.requestId, fields: [], here: null, there: row }
}

/** In the order of the export; what is missing there comes last, by request id, that is by time. */
export function compareDifferences(a: Difference, b: Difference): number {
  const [left, right] = [a.there?.line ?? Infinity, b.there?.line ?? Infinity]
  if (left !== right) return left < right ? -1 : 1
  return (a.requestId ?? '') < (b.requestId ?? '') ? -1 : 1
}

function fieldsThatDiffer(here: OurAttempt, there: ExportRow): ComparedField[] {
  const fields: ComparedField[] = []
  if (here.model !== null && there.model !== null && !isSameModel(here.model, there.model)) fields.push('model')
  if (here.promptTokens !== there.promptTokens) fields.push('prompt_tokens')
  if (here.completionTokens !== there.completionTokens) fields.push('completion_tokens')
  if (here.costPico !== null && there.costPico !== null && here.costPico !== there.costPico) fields.push('cost')
  return fields
}

/** Exports name the dated snapshot of an alias, and Ollama its default tag. */
function isSameModel(here: string, there: string): boolean {
  const [asked, served] = [canonicalModel(here).toLowerCase(), canonicalModel(there).toLowerCase()]
  return served === asked || served.startsWith(`${asked}-`)
}

function isCostUnknown(here: OurAttempt, there: ExportRow): boolean {
  return there.costPico !== null && here.costPico === null
}

/** Larger rows first, then those that say more: an order of their own, so that the export's never matters. */
function byContent(a: ExportRow, b: ExportRow): number {
  const tokens = b.promptTokens + b.completionTokens - a.promptTokens - a.completionTokens
  const costs = Number((b.costPico ?? -1n) - (a.costPico ?? -1n))
  const models = (a.model ?? '\uffff') < (b.model ?? '\uffff') ? -1 : 1
  return tokens || b.promptTokens - a.promptTokens || costs || (a.model === b.model ? a.line - b.line : models)
}
