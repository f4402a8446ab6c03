import type { Client } from 'pg'
import { ledgerOf, type Billed } from './books'
import type { SeededTenant } from './seeding'
import { isUncountable, type Outcome } from './traffic'
import type { UpstreamTruth } from './upstream-truth'

/** The verdict over a run: what completed calls were billed, and whether anybody paid for what was not made. */
export interface Verdict {
  readonly calls: number
  readonly completed: number
  /** Completed and billed exactly what the upstream counted. */
  readonly equal: number
  /** Completed by an upstream that gave no usable count, and billed no more than it made, by our own count. */
  readonly estimated: number
  readonly lost: number
  readonly doubled: number
  /** Calls that did not complete and were billed more than their upstreams produced. */
  readonly over: number
  /** Calls that reached an upstream and have no usage row, or more than one. */
  readonly unrecorded: number
  /** Calls whose estimate a final claim replaced. */
  readonly corrections: number
  /** Most output tokens produced and not billed on a stream that was left or died (I3); what failed is charged by policy. */
  readonly mostShortfallTokens: number
  /** The same of whole answers: nothing of one is delivered before its end, so all of it is in flight. */
  readonly mostWholeShortfallTokens: number
}

const MOST_EXAMPLES = 20

/**
 * Joins ledger and upstream logs by request id. `examples` are for the failure message, `shortest` is the stream of
 * `mostShortfallTokens`. `isDeathForgotten`: where the
 * Redis dies with the process, calls that died leave no usage row, and that is no fault.
 */
export async function judge(outcomes: readonly Outcome[], truth: UpstreamTruth, owner: Client, tenants: readonly SeededTenant[], options = { isDeathForgotten: false }): Promise<{ verdict: Verdict; ledger: ReadonlyMap<string, Billed>; examples: string[]; shortest: string }> {
  const ledger = new Map<string, Billed>()
  for (const { id } of tenants) for (const [rid, billed] of await ledgerOf(owner, id)) ledger.set(rid, billed)
  const counts = { equal: 0, estimated: 0, lost: 0, doubled: 0, over: 0, unrecorded: 0, corrections: 0, mostShortfallTokens: 0, mostWholeShortfallTokens: 0 }
  const examples: string[] = []
  let shortest = 'none'
  const completed = outcomes.filter((outcome) => outcome.isCompleted)
  const byId = new Map(outcomes.map((outcome) => [outcome.rid, outcome]))
  for (const outcome of completed) {
    const what = completedAs(outcome, truth, ledger)
    counts[what]++
    if (what === 'lost' || what === 'doubled') examples.push(describe(what, outcome.rid!, outcome, truth, ledger))
  }
  for (const rid of new Set([...truth.requestIds, ...ledger.keys(), ...completed.map(({ rid }) => rid!)])) {
    const entry = ledger.get(rid)
    const outcome = byId.get(rid)
    const isCompleted = outcome?.isCompleted === true
    if ((entry?.postings ?? 0) > 1) counts.corrections++
    const isRecorded = entry?.rows === 1 || (entry === undefined && options.isDeathForgotten && !isCompleted)
    if (!isRecorded) examples.push(describe('unrecorded', rid, outcome, truth, ledger))
    if (!isRecorded) counts.unrecorded++
    if (isCompleted) continue
    const [billed, made] = [entry?.pico ?? 0n, truth.all(rid)]
    if (billed > made || billed < 0n) {
      counts.over++
      examples.push(describe('over', rid, outcome, truth, ledger))
    } else if (entry?.status !== 'failed' && !isUncountable(truth.model(rid))) {
      const shortTokens = Number((made - billed) / truth.price.output)
      const most = truth.isStream(rid) ? 'mostShortfallTokens' : 'mostWholeShortfallTokens'
      if (truth.isStream(rid) && shortTokens > counts[most]) shortest = describe('short', rid, outcome, truth, ledger)
      counts[most] = Math.max(counts[most], shortTokens)
    }
  }
  return { verdict: { calls: outcomes.length, completed: completed.length, ...counts }, ledger, examples: examples.slice(0, MOST_EXAMPLES), shortest }
}

function completedAs({ rid, call }: Outcome, truth: UpstreamTruth, ledger: ReadonlyMap<string, Billed>): 'equal' | 'estimated' | 'lost' | 'doubled' {
  const billed = ledger.get(rid!)?.pico ?? 0n
  const made = truth.whole(rid!)
  if (billed === made && made > 0n) return 'equal'
  if (isUncountable(call.model) && billed > 0n && billed <= truth.all(rid!)) return 'estimated'
  return billed < made || made === 0n ? 'lost' : 'doubled'
}

/** All that is known of a call, for somebody who looks for what went wrong with it. */
function describe(what: string, rid: string, outcome: Outcome | undefined, truth: UpstreamTruth, ledger: ReadonlyMap<string, Billed>): string {
  const entry = ledger.get(rid)
  const billed = entry ? `billed ${entry.pico} pico in ${entry.postings} postings, ${entry.rows} usage rows, ${entry.status}, ${entry.source}` : 'not in the ledger'
  const seen = outcome ? `status ${outcome.status}, ${outcome.isCompleted ? 'whole' : 'not whole'}, ${Math.round(outcome.startedAtMs)}–${Math.round(outcome.endedAtMs)} ms, ${JSON.stringify(outcome.call)}` : 'its client saw no head'
  return `${what}: ${rid}: upstream ${truth.story(rid)}; ${billed}; client: ${seen}`
}

/** Prints the table of a run, with the seed that repeats it. */
export function printVerdict(name: string, seed: number, verdict: Verdict): void {
  process.stderr.write(`${name} (seed ${seed}): ${Object.entries(verdict).map(([what, count]) => `${what} ${count}`).join(', ')}\n`)
}
