import type { Client } from 'pg'
import type { SeededTenant } from '../support'
import { ledgerOf, type UpstreamTruth } from './money-fixture'
import type { Outcome } from './money-traffic'

/** The verdict over a run: what completed calls were billed, and whether anybody paid for what was not made. */
export interface Verdict {
  readonly calls: number
  readonly completed: number
  readonly equal: number
  readonly lost: number
  readonly doubled: number
  /** Calls that did not complete and were billed more than their upstreams produced. */
  readonly over: number
  /** Calls that reached an upstream and have no usage row, or more than one. */
  readonly unrecorded: number
  /** Most output tokens produced and not billed on a call that did not complete. */
  readonly mostShortfallTokens: number
}

/**
 * Joins ledger and upstream logs by request id. `examples` are for the failure message. `isDeathForgotten`: where the
 * Redis dies with the process, calls that died leave no usage row, and that is no fault.
 */
export async function judge(outcomes: readonly Outcome[], truth: UpstreamTruth, owner: Client, tenants: readonly SeededTenant[], options = { isDeathForgotten: false }): Promise<{ verdict: Verdict; examples: string[] }> {
  const ledger = new Map((await Promise.all(tenants.map((tenant) => ledgerOf(owner, tenant.id)))).flatMap((one) => [...one]))
  const counts = { equal: 0, lost: 0, doubled: 0, over: 0, unrecorded: 0, mostShortfallTokens: 0 }
  const examples: string[] = []
  const completed = outcomes.filter((outcome) => outcome.isCompleted)
  const completedIds = new Set(completed.map(({ rid }) => rid))
  for (const { rid, call } of completed) {
    const billed = ledger.get(rid!)?.pico ?? 0n
    const made = truth.whole(rid!)
    if (billed === made && made > 0n) counts.equal++
    else if (billed < made || made === 0n) counts.lost++
    else counts.doubled++
    if (billed !== made) examples.push(`${rid} ${JSON.stringify(call)}: made ${made}, billed ${billed}`)
  }
  for (const rid of new Set([...truth.requestIds, ...ledger.keys(), ...completedIds])) {
    const entry = ledger.get(rid!)
    const isRecorded = entry?.rows === 1 || (entry === undefined && options.isDeathForgotten && !completedIds.has(rid))
    if (!isRecorded) examples.push(`${rid}: ${entry?.rows ?? 0} usage rows`)
    if (!isRecorded) counts.unrecorded++
    if (completedIds.has(rid)) continue
    const [billed, made] = [entry?.pico ?? 0n, truth.all(rid!)]
    if (billed > made || billed < 0n) counts.over++
    if (billed > made) examples.push(`${rid} ${entry?.status}: made ${made}, billed ${billed}`)
    counts.mostShortfallTokens = Math.max(counts.mostShortfallTokens, Number((made - billed) / truth.price.output))
  }
  return { verdict: { calls: outcomes.length, completed: completed.length, ...counts }, examples: examples.slice(0, 10) }
}

/** Prints the table of a run, with the seed that repeats it. */
export function printVerdict(name: string, seed: number, verdict: Verdict): void {
  process.stderr.write(`${name} (seed ${seed}): ${Object.entries(verdict).map(([what, count]) => `${what} ${count}`).join(', ')}\n`)
}
