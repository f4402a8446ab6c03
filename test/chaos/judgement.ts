import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { ageAbandonedClaims, AT_REST, restOf, sumsOf, type Rest } from '../support/books'
import type { Outcome } from '../support/traffic'
import type { UpstreamTruth } from '../support/upstream-truth'
import { judge, type Verdict } from '../support/verdict'
import { WILD } from './calls'
import type { FaultRecord } from './conductor'
import { beyondLimit, blamesIn, isBudgetRefusal, mishapsIn, refusalsOf, targetsOf } from './figures'
import type { BudgetEnd, ChaosResult } from './result'
import { GAP_MS, type RunTenant } from './rig'

const REST_WITHIN_MS = 10_000
const REST_PATIENCE_MS = 60_000
/** I3: what may be made and not billed on a call that died, beyond a second of its stream. */
const SHORTFALL_TOKENS = 64
const MOST_EXAMPLES = 5

/** What a run left to be judged. */
export interface Played {
  readonly outcomes: readonly Outcome[]
  readonly records: readonly FaultRecord[]
  readonly truth: UpstreamTruth
  readonly restAfterMs: number | null
  /** What was last left to wait for. */
  readonly unrest: Rest | null
}

/** What a run was. */
export interface RunFacts {
  readonly scenario: string
  readonly seed: number
  readonly loadMs: number
  readonly clients: number
  readonly startedAt: string
  /** Calls that died leave no usage row where the Redis dies with the process; see verdict.ts. */
  readonly isDeathForgotten: boolean
  /** Processes that ended unasked. */
  readonly collapses: readonly string[]
}

/** Polls until at rest, and tells how long that took. What a dead worker had read is aged first; see README.md. */
export async function untilRest(redisUrl: string | null, owner: Client): Promise<Pick<Played, 'restAfterMs' | 'unrest'>> {
  if (redisUrl === null) return { restAfterMs: 0, unrest: null }
  const endedAtMs = performance.now()
  await ageAbandonedClaims(redisUrl)
  for (let unrest: Rest | null = null; ; ) {
    const rest = await restOf(redisUrl, owner)
    const elapsedMs = Math.round(performance.now() - endedAtMs)
    if (JSON.stringify(rest) === JSON.stringify(AT_REST)) return { restAfterMs: elapsedMs, unrest }
    if (elapsedMs > REST_PATIENCE_MS) return { restAfterMs: null, unrest: rest }
    unrest = rest
    await sleep(100)
  }
}

/** Holds the books against the upstream's log and the invariants of metering.md. */
export async function judgeRun(owner: Client, tenants: readonly RunTenant[], played: Played, facts: RunFacts): Promise<ChaosResult> {
  const { outcomes, records, truth, restAfterMs, unrest } = played
  const { verdict, ledger, examples, shortest } = await judge(outcomes, truth, owner, tenants, facts)
  const { budgets, unbalanced } = await booksOf(owner, tenants, played)
  const stallMs = Math.max(0, ...records.filter(({ kind }) => kind === 'gateway-stall').map(({ forMs }) => forMs))
  const shortfallBoundTokens = SHORTFALL_TOKENS + Math.ceil((1_000 + stallMs) / GAP_MS)
  const blamed = blamesIn(outcomes)
  const hung = outcomes.filter(({ isHung }) => isHung)
  const broken = [...breaches(verdict), ...examples, ...unbalanced, ...facts.collapses]
  if (verdict.mostShortfallTokens > shortfallBoundTokens) broken.push(`I3: more than ${shortfallBoundTokens} tokens ${shortest}`)
  broken.push(...budgets.filter(({ spentPico, limitPico }) => BigInt(spentPico) > BigInt(limitPico)).map(({ tenant, spentPico, limitPico }) => `I5: ${tenant} has spent ${spentPico} of ${limitPico} pico`))
  broken.push(...blamed.slice(0, MOST_EXAMPLES).map(({ rid, status, code }) => `I15: ${rid} was answered ${status} ${code}`))
  broken.push(...mishapsIn(outcomes).slice(0, MOST_EXAMPLES).map(({ rid, status, code }) => `a fault nobody foresaw: ${rid} was answered ${status} ${code}`))
  broken.push(...hung.slice(0, MOST_EXAMPLES).map(({ rid, call }) => `a call hung: ${rid} ${JSON.stringify(call)}`))
  if (restAfterMs === null) broken.push(`I9: not at rest after ${REST_PATIENCE_MS / 1000} s: ${JSON.stringify(unrest)}`)
  const targets = targetsOf(outcomes, records, tenants)
  if (restAfterMs !== null) targets.push({ what: 'at rest after the load (I9, T04)', wanted: `≤ ${REST_WITHIN_MS} ms`, found: `${restAfterMs} ms`, isMet: restAfterMs <= REST_WITHIN_MS })
  if (outcomes.some(({ call }) => call.model.includes(WILD))) targets.push(beyondLimit(outcomes, truth, ledger))
  const { scenario, seed, loadMs, clients, startedAt } = facts
  return {
    scenario, seed, loadSeconds: loadMs / 1_000, startedAt, faults: records, verdict, shortfallBoundTokens, budgets, refusals: refusalsOf(outcomes), blamed: blamed.length, hung: hung.length,
    restAfterMs, unrest, targets, broken,
    replay: `npm run chaos -- --scenario ${scenario} --minutes ${loadMs / 60_000} --seed ${seed} --clients ${clients}`,
  }
}

/** Every tenant's sums, which must agree (I8), and where hard budgets ended. */
async function booksOf(owner: Client, tenants: readonly RunTenant[], { outcomes, truth }: Played): Promise<{ budgets: BudgetEnd[]; unbalanced: string[] }> {
  const budgets: BudgetEnd[] = []
  const unbalanced: string[] = []
  for (const [index, { id, name, limitPico }] of tenants.entries()) {
    const sums = await sumsOf(owner, id)
    if (new Set(Object.values(sums)).size > 1) unbalanced.push(`I8: the books of ${name} differ: ${JSON.stringify(sums)}`)
    if (limitPico === null) continue
    const own = outcomes.filter(({ call }) => call.tenant === index)
    const madePico = own.reduce((sum, { rid }) => sum + (rid === null ? 0n : truth.all(rid)), 0n).toString()
    budgets.push({ tenant: name, limitPico: limitPico.toString(), spentPico: sums.ledger, madePico, refused: own.filter(isBudgetRefusal).length })
  }
  return { budgets, unbalanced }
}

/** The counts that must be zero. */
function breaches(verdict: Verdict): string[] {
  const zeros = { lost: 'I2', doubled: 'I2', over: 'I3', unrecorded: 'I8' } as const
  return Object.entries(zeros).flatMap(([count, invariant]) => (verdict[count as keyof typeof zeros] > 0 ? [`${invariant}: ${count} ${verdict[count as keyof typeof zeros]}`] : []))
}
