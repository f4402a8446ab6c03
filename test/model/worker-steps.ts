// What workers do (apps/worker/src/jobs/settle-outbox.job.ts, libs/limits/outbox.store.ts, reconcile.service.ts), and
// what time does: leases and holds run out, graces end, whoever was away comes back.
import { isActive, isStalled, nameOf } from './gateway-steps'
import { applyClaims, type Claim } from './postgres'
import { confirm, endHold, sweep, takeSums } from './redis-scripts'
import type { Moves } from './moves'
import type { Scenario } from './scenario'
import { Born, Entry, Phase, Rank, Reservation, Ring, Stage, Store, type State, type Worker } from './state'

// Taken once: in Jest's sandbox every look at a global is a slow one.
const { assign } = Object
const { min } = Math

/** All steps of all workers. */
export function workerSteps(m: Moves): void {
  for (const [at, w] of m.state.workers.entries()) {
    const name = m.scenario.workers > 1 ? `worker ${at + 1}` : 'worker'
    if (w.stage === Stage.Free) readOutbox(m, at, name)
    if (w.stage === Stage.Read) {
      const claims = strongest(m.state, w)
      m.postgres(`${name}: apply_claims (${claims.map(({ call, rank, amount }) => `${nameOf(call)} rank ${rank - 1}: ${amount}`).join(', ')})`, (n) => applyClaims(n, claims, m.scenario), (n, sums) => {
        assign(n.workers[at]!, { stage: Stage.Committed, ...sums })
      }, (n) => forget(n.workers[at]!)) // prettier-ignore
    }
    if (w.stage === Stage.Committed) m.redis(`${name}: confirm.lua (spent ${w.spent}, version ${w.version})`, (n) => confirm(n, w, m.scenario), (n) => forget(n.workers[at]!), (n) => forget(n.workers[at]!)) // prettier-ignore
    reconcile(m, at, w, name)
  }
  for (let i = 0; i < m.state.calls.length; i++) endLeases(m, i)
}

/** What time alone does. */
export function timeSteps(m: Moves): void {
  const { state: s, scenario } = m
  if (s.born === Born.Grace && mayGraceEnd(s, scenario)) m.step('time: the grace period is over', (n) => (n.born = Born.Open))
  for (let bit = 0; s.stalled >> bit; bit++) if ((s.stalled >> bit) & 1) m.step(`gateway ${bit + 1} wakes`, (n) => (n.stalled &= ~(1 << bit)))
}

/** The batch is gone from memory; its entries stay handed out. */
export function forget(w: Worker): void {
  assign(w, { stage: Stage.Free, isStale: 0, spent: 0, version: 0, finals: 0, swept: w.swept.map(() => 0) })
}

/** New entries, all or one of them (a batch may end anywhere); or all that were handed out and not confirmed. */
function readOutbox(m: Moves, at: number, name: string): void {
  const entries = m.state.calls.flatMap((c, call) => [
    { call, isFinal: false, state: c.sweptEntry },
    { call, isFinal: true, state: c.finalEntry },
  ])
  const fresh = entries.filter(({ state }) => state === Entry.New)
  const again = entries.filter(({ state }) => state === Entry.Handed)
  const take = (label: string, taken: typeof entries) => {
    const hand = (n: State) => {
      for (const { call, isFinal } of taken) n.calls[call]![isFinal ? 'finalEntry' : 'sweptEntry'] = Entry.Handed
    }
    const keep = (n: State) => {
      const w = n.workers[at]!
      w.stage = Stage.Read
      for (const { call, isFinal } of taken) {
        if (isFinal) w.finals |= 1 << call
        else w.swept[call] = 1 + n.calls[call]!.sweptAmount
      }
    }
    m.redis(`${name}: ${label} ${taken.map(({ call, isFinal }) => `${nameOf(call)} rank ${isFinal ? 1 : 0}`).join(', ')}`, hand, keep, null)
  }
  if (fresh.length > 0) take('reads', fresh)
  if (fresh.length > 1) for (const entry of fresh) take('reads', [entry])
  if (again.length > 0) take('reads again', again)
}

/** strongestClaims: of several claims of one request id the one of highest rank. */
function strongest({ calls }: State, w: Worker): Claim[] {
  return calls.flatMap(({ made }, call): Claim[] => {
    if ((w.finals >> call) & 1) return [{ call, rank: Rank.Final, amount: made }]
    return w.swept[call] ? [{ call, rank: Rank.Swept, amount: w.swept[call] - 1 }] : []
  })
}

/** ReconcileService.run: tells only what moved since this worker last told it, and everything after a failure. */
function reconcile(m: Moves, at: number, { told }: Worker, name: string): void {
  const { spent, spentVersion: version } = m.state
  const { without } = m.scenario
  if (told === version || without === 'absolute (spent, ver)' || without === 'claim kept in ring on the direct path + reconcile') return
  m.redis(`${name}: reconcile (spent ${spent}, version ${version})`, (n) => takeSums(n, { spent, version }), (n) => (n.workers[at]!.told = version), (n) => (n.workers[at]!.told = 0)) // prettier-ignore
}

/**
 * OutboxStore.sweep. A living gateway that is not stalled renews the leases of what it runs and settles what it vouches
 * for, and nothing is swept for 5 s after Redis was away: so a lease runs out only where nobody does either.
 */
function endLeases(m: Moves, i: number): void {
  const { state: s, scenario } = m
  const c = s.calls[i]!
  const isTended = isActive(c) || c.ring !== Ring.None || c.phase === Phase.Doubtful
  const isStopped = isStalled(s, i, scenario)
  if (c.hasLease && (!isTended || isStopped)) m.step(`sweep: the lease of ${nameOf(i)} ran out; claim of ${min(c.progress, c.reserved)} at rank 0`, (n) => sweep(n, i, scenario))
  const isForsaken = isTended && isStopped ? scenario.untimed.includes('stalls end before the heartbeat does') : !isTended
  if (c.reservation === Reservation.Held && isForsaken) m.step(`sweep: the hold of ${nameOf(i)} (${c.reserved}) is freed`, (n) => endHold(n, i))
}

/** 2.5 s are enough for two ticks of every gateway that runs: what it runs and what it vouches for is known again. */
function mayGraceEnd(s: State, scenario: Scenario): boolean {
  if (s.redis === Store.Failing && scenario.untimed.includes('nothing interrupts a grace period')) return true
  return s.calls.every((c, i) => {
    if (isStalled(s, i, scenario)) return true
    return (!isActive(c) || c.reservation || c.doneRank) && (c.ring === Ring.None || c.doneRank === Rank.Final)
  })
}
