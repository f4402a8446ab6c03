// What gateways do (libs/chat, libs/limits/limits.service.ts). Every step is one message or one change in memory.
import { applyClaims } from './postgres'
import { admissionAnswer, checkpoint, load, reserve, settleDirect, settleOutbox } from './redis-scripts'
import type { Moves } from './moves'
import type { Scenario } from './scenario'
import { Born, Phase, Rank, Ring, Store, type Call, type State } from './state'

// Taken once: in Jest's sandbox every look at a global is a slow one.
const { assign } = Object
const NAMES = 'ABC'

/** A call whose gateway checkpoints it: from admission until its claim is durable. */
export function isActive({ phase }: Call): boolean {
  return phase >= Phase.Streaming && phase <= Phase.Posting
}

/** True while the gateway of call `i` is stopped. */
export function isStalled(s: State, i: number, { calls }: Scenario): boolean {
  return ((s.stalled >> calls[i]!.gateway) & 1) === 1
}

/** All steps of all gateways. */
export function gatewaySteps(m: Moves): void {
  const { state, scenario } = m
  if (state.isBooting) return boot(m)
  for (let i = 0; i < state.calls.length; i++) {
    if (isStalled(state, i, scenario)) continue
    const c = state.calls[i]!
    if (c.phase === Phase.Idle) m.optionally(() => ask(m, i))
    if (c.phase === Phase.Loading || c.phase === Phase.Doubtful) finishAsking(m, i, c)
    if (c.phase === Phase.Streaming) stream(m, i, c)
    if (isActive(c)) tick(m, i, c)
    record(m, i, c)
    if (c.ring !== Ring.None) tendRing(m, i, c)
  }
}

/** LimitsService.admit: asks, marks a fresh Redis, loads a budget, asks again. No client has to; one that is refused may come back. */
function ask(m: Moves, i: number): void {
  const { scenario } = m
  const name = nameOf(i)
  const answer = admissionAnswer(m.state, i, scenario)
  if (answer === 'BORN') m.redis(`${name}: marks a Redis without memory`, (n) => (n.born = scenario.without === 'grace period' ? Born.Open : Born.Grace), null, null) // prettier-ignore
  if (answer === 'LOAD') m.postgres(`${name}: reads its budget`, (n) => n, (n) => assign(n.calls[i]!, { phase: Phase.Loading, readSpent: n.spent, readVersion: n.spentVersion }), null) // prettier-ignore
  if (answer === 'OK') m.redis(`${name}: admit.lua`, (n) => reserve(n, i, scenario), (n) => to(n, i, Phase.Streaming), (n) => to(n, i, Phase.Doubtful)) // prettier-ignore
}

/** A load under way goes on; an admission whose reply never came is ended, so that it holds no money. */
function finishAsking(m: Moves, i: number, c: Call): void {
  const { scenario } = m
  const name = nameOf(i)
  if (c.phase === Phase.Doubtful) {
    m.redis(`${name}: ends its admission in doubt`, (n) => settleDirect(n, i, null, scenario), (n) => to(n, i, Phase.Refused), null) // prettier-ignore
    return
  }
  const sums = { spent: c.readSpent, version: c.readVersion }
  const leave = (n: State) => assign(n.calls[i]!, { phase: Phase.Idle, readSpent: 0, readVersion: 0 })
  m.redis(`${name}: load.lua (spent ${sums.spent}, version ${sums.version})`, (n) => load(n, sums, scenario), leave, leave)
}

function stream(m: Moves, i: number, c: Call): void {
  const name = nameOf(i)
  const isOver = c.made === m.scenario.calls[i]!.usage
  if (!isOver) m.step(`${name}: one unit reaches the client`, (n) => n.calls[i]!.made++)
  else m.step(`${name}: the upstream ends; claim of ${c.made}`, (n) => conclude(n, i, 1, m.scenario))
  if (m.scenario.hasCuts) m.step(`${name}: cut by client or upstream; claim of ${c.made}`, (n) => conclude(n, i, 0, m.scenario))
}

/** CheckpointService.tick for one call. A call that was swept is stopped, and billed what it delivered. */
function tick(m: Moves, i: number, c: Call): void {
  const { scenario } = m
  const name = nameOf(i)
  const react = (n: State, answer: string) => {
    if (answer === 'SWEPT' && n.calls[i]!.phase === Phase.Streaming) conclude(n, i, 0, scenario)
  }
  m.redis(`${name}: checkpoint.lua (${c.made})`, (n) => checkpoint(n, i, scenario), react, null)
  if (scenario.durability === 'standalone' && c.filed !== 1 + c.made) {
    m.step(`${name}: checkpoint file (${c.made})`, (n) => assign(n.calls[i]!, { filed: 1 + c.made, saved: c.made }))
  }
}

/** SettlementService.record, from the claim to the terminal event. */
function record(m: Moves, i: number, c: Call): void {
  const { state, scenario } = m
  const name = nameOf(i)
  const isStrict = scenario.durability !== 'outbox'
  const goodbye = c.isWhole ? ', then the terminal event' : ', then the connection is closed'
  if (c.phase === Phase.Queueing) {
    m.redis(`${name}: settle.lua outbox (${c.made})${goodbye}`, (n) => settleOutbox(n, i), (n) => recorded(n, i), (n) => to(n, i, Phase.Posting)) // prettier-ignore
  }
  if (c.phase === Phase.Posting) {
    const claim = { call: i, rank: Rank.Final, amount: c.made }
    const keep = scenario.without !== 'claim kept in ring on the direct path + reconcile'
    m.postgres(`${name}: apply_claims (${c.made})${goodbye}`, (n) => applyClaims(n, [claim], scenario), (n, sums) => {
      assign(n.calls[i]!, keep ? { ring: Ring.Committed, ringSpent: sums.spent, ringVersion: sums.version } : { ring: Ring.None })
      recorded(n, i)
    }, (n) => to(n, i, isStrict ? Phase.Posting : Phase.Queueing)) // prettier-ignore
    // The file is written every second, so it holds all of a call that waits for five.
    const isFiled = scenario.durability !== 'standalone' || c.filed === 1 + c.made
    const isHopeless = isFiled && state.postgres === Store.Failing && (isStrict || state.redis === Store.Failing)
    if (isHopeless) m.step(`${name}: no store for 5 s, connection closed`, (n) => to(n, i, Phase.Closed))
  }
  if (scenario.durability === 'standalone' && c.filed && !isActive(c) && !(c.phase === Phase.Closed && c.ring === Ring.Held)) m.step(`${name}: leaves the checkpoint file`, (n) => (n.calls[i]!.filed = 0))
}

/** SettlementService.tendRing for one entry. */
function tendRing(m: Moves, i: number, c: Call): void {
  const { scenario } = m
  const name = nameOf(i)
  if (c.ring === Ring.Committed) {
    const sums = { spent: c.ringSpent, version: c.ringVersion }
    m.redis(`${name}: settle.lua direct (spent ${sums.spent}, version ${sums.version})`, (n) => settleDirect(n, i, sums, scenario), (n) => dropFromRing(n, i), null) // prettier-ignore
  } else if (c.confirmedRank >= (scenario.without === 'confirmation tracked per rank' ? Rank.Swept : Rank.Final)) {
    m.step(`${name}: confirmed, leaves the ring`, (n) => dropFromRing(n, i))
  } else if (c.doneRank < Rank.Final) {
    m.step(`${name}: ring claims ${c.made} again`, (n) => settleOutbox(n, i))
  }
}

/** SettlementService.recover: standalone bills what its checkpoint file says before it serves. */
function boot(m: Moves): void {
  const { state, scenario } = m
  const i = state.calls.findIndex(({ filed }) => filed > 0)
  if (i < 0) return m.step('process: serves again', (n) => (n.isBooting = 0))
  const claim = { call: i, rank: Rank.Swept, amount: state.calls[i]!.filed - 1 }
  m.postgres(`process: bills ${nameOf(i)} from the checkpoint file (${claim.amount})`, (n) => applyClaims(n, [claim], scenario), (n) => (n.calls[i]!.filed = 0), null) // prettier-ignore
}

function conclude(n: State, i: number, isWhole: number, { durability, without }: Scenario): void {
  const c = n.calls[i]!
  c.phase = durability === 'outbox' ? Phase.Queueing : Phase.Posting
  c.isWhole = isWhole
  c.ring = without === 'gateway ring' ? Ring.None : Ring.Held
  if (without === 'hold-back of terminal event') c.isAnswered = isWhole
}

/** The claim is durable: a whole answer gets its terminal event. A crash between the two only spares the client from knowing. */
function recorded(n: State, i: number): void {
  const c = n.calls[i]!
  c.phase = c.isWhole ? Phase.Completed : Phase.Closed
  c.isAnswered = c.isWhole
}

function dropFromRing(n: State, i: number): void {
  assign(n.calls[i]!, { ring: Ring.None, ringSpent: 0, ringVersion: 0 })
}

function to(n: State, i: number, phase: number): void {
  n.calls[i]!.phase = phase
}

/** Call 0 is A. */
export function nameOf(i: number): string {
  return NAMES[i]!
}
