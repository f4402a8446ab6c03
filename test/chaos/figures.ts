import type { Billed } from '../support/books'
import type { Outcome } from '../support/traffic'
import type { UpstreamTruth } from '../support/upstream-truth'
import { WILD } from './calls'
import type { FaultRecord } from './conductor'
import type { Target } from './result'
import type { RunTenant } from './rig'
import { CALM_MS } from './schedule'

const NEVER_TO_BLAME = [401, 402, 403]
const WORTH_A_RATE = 500

/** How many calls ended other than with an answer, by how they ended. */
export function refusalsOf(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { isCompleted, status, code, call, isHung } of outcomes) {
    if (isCompleted) continue
    const how = isHung ? 'hung' : call.leavesAfter !== null && code === null ? 'client left' : status === 200 ? 'broken off' : status === null ? 'no answer' : `${status} ${code ?? ''}`.trim()
    counts[how] = (counts[how] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a))
}

/** Refused because a budget is used up, on either surface. */
export function isBudgetRefusal({ status, code }: Outcome): boolean {
  return status === 429 && (code === 'budget_exceeded' || code === 'insufficient_quota')
}

/** Answers that blame the caller; no caller of a run gives a reason. */
export function blamesIn(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ status }) => NEVER_TO_BLAME.includes(status ?? 0))
}

/** Answers that tell of a fault nobody foresaw, whatever was hurt. */
export function mishapsIn(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ status }) => status === 500)
}

/** I6: what a stream of an upstream that ignores max_tokens is billed beyond it, at most, and what was written before it was cut. */
export function beyondLimit(outcomes: readonly Outcome[], truth: UpstreamTruth, ledger: ReadonlyMap<string, Billed>): Target {
  const wild = outcomes.filter(({ rid }) => rid !== null && truth.model(rid).includes(WILD))
  const most = (tokensOf: (rid: string) => number) => wild.reduce((all, { rid, call }) => Math.max(all, tokensOf(rid!) - call.maxTokens!), 0)
  const billed = most((rid) => ledger.get(rid)?.completionTokens ?? 0)
  return { what: 'billed beyond max_tokens in a stream whose upstream ignores it (T12)', wanted: '≤ 1 chunk', found: `${billed} of ${wild.length} streams, ${most((rid) => truth.tokens(rid))} tokens written before the cut arrived`, isMet: billed <= 1 }
}

/** Figures of the catalogue that this run can tell. Times of outcomes and records are of one clock. */
export function targetsOf(outcomes: readonly Outcome[], records: readonly FaultRecord[], tenants: readonly RunTenant[]): Target[] {
  const done = records.filter(({ outcome }) => outcome === 'done')
  return [...readmission(outcomes, done, tenants), ...servedWithoutPostgres(outcomes, done), ...drains(done)]
}

/** T05: after Redis is back, the first call of a hard-capped tenant that is let in; told where nothing else was hurt by then. */
function readmission(outcomes: readonly Outcome[], done: readonly FaultRecord[], tenants: readonly RunTenant[]): Target[] {
  const capped = tenants.findIndex(({ name }) => name === 'capped')
  if (capped < 0) return []
  const heads = outcomes.filter(({ status, call }) => status === 200 && call.tenant === capped).map(({ startedAtMs }) => startedAtMs).sort((a, b) => a - b)
  return (['redis-kill', 'redis-wipe'] as const).flatMap((kind) => {
    const waits = done.filter((fault) => fault.kind === kind).flatMap((fault) => {
      const first = heads.find((atMs) => atMs >= fault.mendedAtMs!)
      if (first === undefined) return []
      const isAlone = done.every((other) => other === fault || other.mendedAtMs! <= fault.beganAtMs! || other.beganAtMs! >= first)
      return isAlone ? [first - fault.mendedAtMs!] : []
    })
    if (waits.length === 0) return []
    const most = Math.max(...waits)
    return [{ what: `hard-capped calls let in after ${kind} (T05)`, wanted: '≤ 3 000 ms', found: `${Math.round(most)} ms at most of ${waits.length}`, isMet: most <= 3_000 }]
  })
}

/** T06: what gathered while Postgres was away. Load goes on meanwhile, and a small heap is gone before a rate can be told. */
function drains(done: readonly FaultRecord[]): Target[] {
  return done.flatMap(({ drain }) => (drain && drain.records >= WORTH_A_RATE ? [{ what: 'outbox drained after Postgres was away (T06)', wanted: '≥ 3 000 records/s', found: `${drain.perSecond}/s of ${drain.records}`, isMet: drain.perSecond >= 3_000 }] : []))
}

/**
 * T06: calls that began while Postgres was away, of clients that stayed, at upstreams that worked, within their budget.
 * Not those of a Redis that was wiped just before: what it has lost is loaded from Postgres, and nobody spends until then.
 */
function servedWithoutPostgres(outcomes: readonly Outcome[], done: readonly FaultRecord[]): Target[] {
  const wipes = done.filter(({ kind }) => kind === 'redis-wipe')
  const away = done.filter((fault) => fault.kind === 'postgres-stop' && !wipes.some((wipe) => wipe.beganAtMs! < fault.mendedAtMs! && wipe.mendedAtMs! + CALM_MS > fault.beganAtMs!))
  const others = done.filter((fault) => !away.includes(fault))
  const isDuring = (fault: FaultRecord, { startedAtMs, endedAtMs }: Outcome) => endedAtMs >= fault.beganAtMs! && startedAtMs <= fault.mendedAtMs!
  const fair = outcomes.filter((outcome) => outcome.call.leavesAfter === null && /sim-ok/.test(outcome.call.model) && !isBudgetRefusal(outcome) && away.some((fault) => outcome.startedAtMs >= fault.beganAtMs! && outcome.startedAtMs <= fault.beganAtMs! + fault.forMs) && !others.some((fault) => isDuring(fault, outcome)))
  if (fair.length === 0) return []
  const served = fair.filter(({ isCompleted }) => isCompleted).length
  const share = (100 * served) / fair.length
  return [{ what: 'chat served while Postgres is away (T06)', wanted: '≥ 99.9 %', found: `${share.toFixed(2)} % of ${fair.length}`, isMet: share >= 99.9 }]
}
