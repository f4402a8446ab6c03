import type { Scenario } from './scenario'

/** Where a call stands at its gateway. */
export const Phase = { Idle: 0, Loading: 1, Doubtful: 2, Streaming: 3, Queueing: 4, Posting: 5, Completed: 6, Closed: 7, Refused: 8, Dead: 9 } as const
/** Ranks as stores know them: rank 0 is `Swept`, rank 1 is `Final`. */
export const Rank = { None: 0, Swept: 1, Final: 2 } as const
/** A gateway's ring entry: none, vouched for, or committed to Postgres by itself and Redis has yet to learn. */
export const Ring = { None: 0, Held: 1, Committed: 2 } as const
/** A reservation: none, in full, or what the sweep left of it. */
export const Reservation = { None: 0, Full: 1, Held: 2 } as const
/** An outbox entry: none, new, or handed to a worker and not confirmed. */
export const Entry = { None: 0, New: 1, Handed: 2 } as const
/** The key `born`: absent (fresh or wiped), grace under way, open. */
export const Born = { Absent: 0, Grace: 1, Open: 2 } as const
/** A store answers; or, from its first outage on, it fails whom it likes: commands are executed or not, replies come or not. */
export const Store = { Up: 0, Failing: 1 } as const
export const Stage = { Free: 0, Read: 1, Committed: 2 } as const

/** One request id, and everything any process or store knows of it. Small integers only. */
export interface Call {
  // gateway
  phase: number
  /** Units the upstream has produced, and the gateway delivered. */
  made: number
  /** The upstream ended by itself: the answer is whole. */
  isWhole: number
  /** The client holds a complete answer. */
  isAnswered: number
  /** Progress at the last checkpoint that Redis (standalone: the file) took. */
  saved: number
  ring: number
  ringSpent: number
  ringVersion: number
  /** A load under way: what Postgres answered. */
  readSpent: number
  readVersion: number
  /** Standalone: 1 + progress in the checkpoint file; 0 = not in it. */
  filed: number
  // Redis
  reservation: number
  reserved: number
  progress: number
  hasLease: number
  doneRank: number
  confirmedRank: number
  unRank: number
  unAmount: number
  sweptEntry: number
  sweptAmount: number
  finalEntry: number
  // Postgres
  row: number
  rowAmount: number
  ledger: number
}

/** A worker: the batch it is at, and the version reconcile last told Redis. */
export interface Worker {
  stage: number
  /** Redis was wiped since the batch was read: its entry ids mean nothing any more. */
  isStale: number
  spent: number
  version: number
  told: number
  /** Per call: 1 + amount of the rank 0 claim in the batch; 0 = none. */
  swept: number[]
  /** Bit per call: its final claim is in the batch. */
  finals: number
}

/** Everything there is. `faults` counts how often each of the scenario's faults may still strike. */
export interface State {
  calls: Call[]
  workers: Worker[]
  // Redis, budget hash and born
  redis: number
  born: number
  isLoaded: number
  confirmed: number
  version: number
  unconfirmed: number
  reserved: number
  // Postgres, row budget_period
  postgres: number
  spent: number
  spentVersion: number
  /** Bit per gateway. */
  stalled: number
  /** Standalone: started after a crash, the checkpoint file is not billed yet. */
  isBooting: number
  faults: number[]
}

/** Before anything has happened: Redis is known and open, no budget is loaded. */
export function initialState(scenario: Scenario): State {
  const call: Call = {
    phase: Phase.Idle, made: 0, isWhole: 0, isAnswered: 0, saved: 0, ring: 0, ringSpent: 0, ringVersion: 0, readSpent: 0, readVersion: 0, filed: 0,
    reservation: 0, reserved: 0, progress: 0, hasLease: 0, doneRank: 0, confirmedRank: 0, unRank: 0, unAmount: 0, sweptEntry: 0, sweptAmount: 0, finalEntry: 0,
    row: 0, rowAmount: 0, ledger: 0,
  } // prettier-ignore
  const worker = { stage: 0, isStale: 0, spent: 0, version: 0, told: 0, finals: 0 }
  const kinds = [...new Set(scenario.faults)]
  return {
    calls: scenario.calls.map(() => ({ ...call })),
    workers: Array.from({ length: scenario.workers }, () => ({ ...worker, swept: scenario.calls.map(() => 0) })),
    redis: 0, born: Born.Open, isLoaded: 0, confirmed: 0, version: 0, unconfirmed: 0, reserved: 0,
    postgres: 0, spent: 0, spentVersion: 0,
    stalled: 0, isBooting: 0,
    faults: kinds.map((kind) => scenario.faults.filter((fault) => fault === kind).length),
  } // prettier-ignore
}

/**
 * Forgets what can make no difference any more, so that states which differ in nothing else are one state. This is most
 * of what keeps the search small; every line says why it takes nothing away. `mayDie`, `mayWipe`: a crash or a wipe may still strike.
 */
export function tidy(s: State, { untimed, workers }: Scenario, mayDie: boolean, mayWipe: boolean): void {
  for (const c of s.calls) {
    const isEnded = c.phase >= Phase.Completed
    // Only a dead call's last checkpoint is ever asked for again, and only while its client holds no whole answer.
    if (c.phase === Phase.Dead ? c.isAnswered : isEnded || !mayDie) c.saved = 0
    if (isEnded) c.isWhole = 0
    // What is held is never swept again.
    if (c.reservation === Reservation.Held) c.progress = 0
    // Nobody asks what was done for a call that ended everywhere.
    if (isEnded && c.ring === Ring.None && !c.reservation) c.doneRank = c.confirmedRank = 0
    // A load that tells Redis nothing new goes on to ask again, and does nothing else.
    if (c.phase === Phase.Loading && s.isLoaded && c.readVersion <= s.version && !untimed.includes('no load outlives a wipe')) {
      c.phase = Phase.Idle
      c.readSpent = c.readVersion = 0
    }
  }
  for (const w of s.workers) {
    // A version told earlier than the present one is as good as none.
    if (w.told !== s.spentVersion) w.told = 0
  }
  if (!mayWipe) forgetOldSums(s)
  // A lone worker takes up what it was handed and forgot as if it were new; two may take over from one another.
  if (workers === 1 && s.workers[0]!.stage === Stage.Free) {
    for (const c of s.calls) {
      if (c.sweptEntry) c.sweptEntry = Entry.New
      if (c.finalEntry) c.finalEntry = Entry.New
    }
  }
}

/** Redis keeps what it has: sums on their way to it that are no newer change nothing. */
function forgetOldSums(s: State): void {
  let isTold = s.version === s.spentVersion
  for (const c of s.calls) {
    if (c.ringVersion <= s.version) c.ringSpent = c.ringVersion = 0
    if (c.readVersion <= s.version) c.readSpent = c.readVersion = 0
    if (c.ringVersion || c.readVersion) isTold = false
  }
  for (const w of s.workers) {
    if (w.version <= s.version) w.spent = w.version = 0
    if (w.version) isTold = false
  }
  if (!isTold) return
  // All know the newest version, so its number is of no interest.
  if (s.version > 1) s.version = s.spentVersion = 1
  for (const w of s.workers) w.told = s.version
}

const CALL_BYTES = 25
const WORKER_BYTES = 6
const SHARED_BYTES = 12

/** Bytes a state takes, a multiple of four. */
export function stateBytes({ calls, workers, faults }: State): number {
  const bytes = SHARED_BYTES + faults.length + calls.length * CALL_BYTES + workers.length * (WORKER_BYTES + calls.length)
  return (bytes + 3) & ~3
}

/** Writes every field of a state, so that two states are equal exactly when their bytes are. */
export function writeState(s: State, b: Uint8Array): void {
  let at = 0
  b[at++] = s.redis; b[at++] = s.born; b[at++] = s.isLoaded; b[at++] = s.confirmed; b[at++] = s.version; b[at++] = s.unconfirmed; b[at++] = s.reserved
  b[at++] = s.postgres; b[at++] = s.spent; b[at++] = s.spentVersion; b[at++] = s.stalled; b[at++] = s.isBooting
  for (const left of s.faults) b[at++] = left
  for (const c of s.calls) {
    b[at++] = c.phase; b[at++] = c.made; b[at++] = c.isWhole; b[at++] = c.isAnswered; b[at++] = c.saved
    b[at++] = c.ring; b[at++] = c.ringSpent; b[at++] = c.ringVersion; b[at++] = c.readSpent; b[at++] = c.readVersion; b[at++] = c.filed
    b[at++] = c.reservation; b[at++] = c.reserved; b[at++] = c.progress; b[at++] = c.hasLease; b[at++] = c.doneRank; b[at++] = c.confirmedRank
    b[at++] = c.unRank; b[at++] = c.unAmount; b[at++] = c.sweptEntry; b[at++] = c.sweptAmount; b[at++] = c.finalEntry
    b[at++] = c.row; b[at++] = c.rowAmount; b[at++] = c.ledger
  }
  for (const w of s.workers) {
    b[at++] = w.stage; b[at++] = w.isStale; b[at++] = w.spent; b[at++] = w.version; b[at++] = w.told; b[at++] = w.finals
    for (const amount of w.swept) b[at++] = amount
  }
  while (at < b.length) b[at++] = 0
} // prettier-ignore

/** Reads what `writeState` wrote at `at`, into a state of the same shape. */
export function readState(s: State, b: Uint8Array, at: number): void {
  s.redis = b[at++]!; s.born = b[at++]!; s.isLoaded = b[at++]!; s.confirmed = b[at++]!; s.version = b[at++]!; s.unconfirmed = b[at++]!; s.reserved = b[at++]!
  s.postgres = b[at++]!; s.spent = b[at++]!; s.spentVersion = b[at++]!; s.stalled = b[at++]!; s.isBooting = b[at++]!
  for (let i = 0; i < s.faults.length; i++) s.faults[i] = b[at++]!
  for (const c of s.calls) {
    c.phase = b[at++]!; c.made = b[at++]!; c.isWhole = b[at++]!; c.isAnswered = b[at++]!; c.saved = b[at++]!
    c.ring = b[at++]!; c.ringSpent = b[at++]!; c.ringVersion = b[at++]!; c.readSpent = b[at++]!; c.readVersion = b[at++]!; c.filed = b[at++]!
    c.reservation = b[at++]!; c.reserved = b[at++]!; c.progress = b[at++]!; c.hasLease = b[at++]!; c.doneRank = b[at++]!; c.confirmedRank = b[at++]!
    c.unRank = b[at++]!; c.unAmount = b[at++]!; c.sweptEntry = b[at++]!; c.sweptAmount = b[at++]!; c.finalEntry = b[at++]!
    c.row = b[at++]!; c.rowAmount = b[at++]!; c.ledger = b[at++]!
  }
  for (const w of s.workers) {
    w.stage = b[at++]!; w.isStale = b[at++]!; w.spent = b[at++]!; w.version = b[at++]!; w.told = b[at++]!; w.finals = b[at++]!
    for (let i = 0; i < w.swept.length; i++) w.swept[i] = b[at++]!
  }
} // prettier-ignore
