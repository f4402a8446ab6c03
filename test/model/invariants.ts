// The invariants of the metering design that a model of counts and orders can decide (I1–I5 and I7–I9; I6 is about an
// upstream that ignores its limit, and here none does).
import type { Scenario } from './scenario'
import { Entry, Phase, Rank, Ring, type Call, type State } from './state'

/** Sentences, so that a trace reads by itself. */
export const VIOLATIONS = {
  I1: 'I1: a client holds a complete answer whose usage is nowhere',
  I2: "I2: a completed call is not billed its upstream's count",
  I3: 'I3: a call is billed more than its upstream produced, or less than its last checkpoint',
  I5: 'I5: more is spent than the budget allows',
  I7: 'I7: a call that did not die with its gateway is not billed what it delivered',
  I8: 'I8: ledger, usage rows and spent sum disagree',
  I9: 'I9: at rest something is still reserved, unconfirmed, queued, or Redis and Postgres disagree',
  sums: "I9: Redis's sums are not the sums of its records",
  stuck: 'a call neither ends nor can go on',
} as const
export type Violation = keyof typeof VIOLATIONS

/** What is wrong in a state, whatever may follow. */
export function violationsAlways(s: State, scenario: Scenario): Violation[] {
  const found: Violation[] = []
  let [ledger, reserved, unconfirmed] = [0, 0, 0]
  for (const c of s.calls) {
    ledger += c.ledger
    reserved += c.reserved
    unconfirmed += c.unRank ? c.unAmount : 0
    if (c.isAnswered && !isSomewhere(c, s)) found.push('I1')
    if (c.ledger > c.made) found.push('I3')
    if (c.ledger !== c.rowAmount) found.push('I8')
  }
  if (s.spent > scenario.limit) found.push('I5')
  if (s.spent !== ledger) found.push('I8')
  if (s.reserved !== reserved || s.unconfirmed !== unconfirmed) found.push('sums')
  return found
}

/** What is wrong about a step: a terminal event was sent before its claim was durable. */
export function violationsOfStep(before: State, s: State): Violation[] {
  return s.calls.some((c, i) => c.isAnswered && !before.calls[i]!.isAnswered && !isDurable(c)) ? ['I1'] : []
}

/** What is wrong in a state that nothing but a fault or a new request leaves. */
export function violationsAtRest(s: State): Violation[] {
  const found: Violation[] = []
  for (const c of s.calls) {
    if (c.phase < Phase.Completed && c.phase !== Phase.Idle) found.push('stuck')
    if (c.isAnswered && c.ledger !== c.made) found.push('I2')
    if (c.phase === Phase.Dead && !c.isAnswered && c.ledger < c.saved) found.push('I3')
    if ((c.phase === Phase.Completed || c.phase === Phase.Closed) && c.ledger !== c.made) found.push('I7')
    if (c.reservation || c.hasLease || c.unRank || c.sweptEntry || c.finalEntry || c.ring) found.push('I9')
  }
  if (s.reserved || s.unconfirmed || (s.isLoaded && s.confirmed !== s.spent)) found.push('I9')
  return found
}

/** Its final claim is in Redis and in its gateway's ring, or committed in Postgres. */
function isDurable(c: Call): boolean {
  return c.row === Rank.Final || (c.ring !== Ring.None && c.finalEntry !== Entry.None)
}

/** Its final claim is in Postgres, in a gateway's ring, or in Redis's outbox with or without a worker at it. */
function isSomewhere(c: Call, s: State): boolean {
  const at = s.calls.indexOf(c)
  return c.row === Rank.Final || c.ring !== Ring.None || c.finalEntry !== Entry.None || s.workers.some(({ finals }) => (finals >> at) & 1)
}
