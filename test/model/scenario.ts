/** What may go wrong in a run. Each may strike at any step, as often as the scenario says. `Redis down` keeps its memory, as a restart does. */
export const FAULTS = ['gateway crash', 'worker crash', 'Redis wipe', 'Redis down', 'Postgres down', 'stall', 'reply lost'] as const
export type Fault = (typeof FAULTS)[number] | 'process crash'

/** A rule of the protocol taken away, to see that it carries weight. Texts are those of the ablation table. */
export const ABLATIONS = [
  'reservation',
  'gateway ring',
  'hold-back of terminal event',
  'idempotent insert',
  'absolute (spent, ver)',
  'grace period',
  'claim kept in ring on the direct path + reconcile',
  'confirmation tracked per rank',
  'hold of swept remainder',
] as const
export type Ablation = (typeof ABLATIONS)[number]

/**
 * What the model takes from clocks, since it has none itself. README.md gives the figures behind each; a run without
 * one shows what the protocol owes to it.
 */
export const TIMINGS = ['stalls end before the heartbeat does', 'nothing interrupts a grace period', 'no load outlives a wipe'] as const
export type Timing = (typeof TIMINGS)[number]

/** One request id as it will go: `usage` ≤ `estimate`, both in units of money; calls of one `gateway` live and die together. */
export interface PlannedCall {
  readonly estimate: number
  readonly usage: number
  readonly gateway: number
}

/** One run of the checker. */
export interface Scenario {
  readonly name: string
  readonly calls: readonly PlannedCall[]
  /** Budget of the one period all calls share. */
  readonly limit: number
  readonly workers: 1 | 2
  /** outbox: settled in Redis first. strict: settled in Postgres only. standalone: strict, and Redis dies with the process. */
  readonly durability: 'outbox' | 'strict' | 'standalone'
  /** Clients may leave, or upstreams break, in mid-stream. Without, a call ends early only when it was swept. */
  readonly hasCuts: boolean
  readonly faults: readonly Fault[]
  readonly without: Ablation | null
  /** Assumptions about clocks that are dropped. */
  readonly untimed: readonly Timing[]
}

const FIRST: PlannedCall = { estimate: 2, usage: 1, gateway: 0 }
const SECOND: PlannedCall = { estimate: 2, usage: 2, gateway: 1 }

/** Two calls on two gateways. Tight: either fits, and never both. Loose: both fit, once each. */
export function twoCalls(budget: 'tight' | 'loose', more: Partial<Scenario> = {}): Scenario {
  return { name: budget, calls: [FIRST, SECOND], limit: budget === 'tight' ? 2 : 4, workers: 1, durability: 'outbox', hasCuts: false, faults: [], without: null, untimed: [], ...more }
}

/** Three calls, two of them on one gateway; the budget holds any two. */
export function threeCalls(more: Partial<Scenario> = {}): Scenario {
  const calls = [{ estimate: 2, usage: 1, gateway: 0 }, { estimate: 2, usage: 2, gateway: 0 }, { estimate: 2, usage: 2, gateway: 1 }]
  return { ...twoCalls('tight'), name: 'three calls', calls, limit: 4, ...more }
}
