// The Lua scripts of libs/limits/lua, each as one atomic change of the model's Redis (one bucket, one budget).
import type { Scenario } from './scenario'
import { Born, Entry, Rank, Reservation, type Call, type State, type Worker } from './state'

// Taken once: in Jest's sandbox every look at a global is a slow one.
const { min, max } = Math

/** A budget's committed sum, as Postgres answers it. */
export interface Sums {
  readonly spent: number
  readonly version: number
}

/** admit.lua, its checks in its order. */
export function admissionAnswer(s: State, i: number, { calls, limit }: Scenario): 'DUP' | 'BORN' | 'LOAD' | 'GRACE' | 'BUDGET' | 'OK' {
  const c = s.calls[i]!
  if (c.reservation || c.doneRank) return 'DUP'
  if (s.born === Born.Absent) return 'BORN'
  if (!s.isLoaded) return 'LOAD'
  if (s.born === Born.Grace) return 'GRACE'
  return s.confirmed + s.unconfirmed + s.reserved + calls[i]!.estimate > limit ? 'BUDGET' : 'OK'
}

/** admit.lua, its writes; also what checkpoint.lua writes for a reservation that Redis lost. */
export function reserve(s: State, i: number, { calls, without }: Scenario): void {
  const c = s.calls[i]!
  c.reservation = Reservation.Full
  c.reserved = without === 'reservation' ? 0 : calls[i]!.estimate
  c.progress = 0
  c.hasLease = 1
  s.reserved += c.reserved
}

/** load.lua */
export function load(s: State, sums: Sums, { without }: Scenario): void {
  if (without === 'absolute (spent, ver)') {
    if (!s.isLoaded) s.confirmed = sums.spent
  } else takeSums(s, sums)
  s.isLoaded = 1
}

/** checkpoint.lua for one call. */
export function checkpoint(s: State, i: number, scenario: Scenario): 'OK' | 'SWEPT' | 'DONE' {
  const c = s.calls[i]!
  if (c.doneRank) return c.doneRank === Rank.Swept ? 'SWEPT' : 'DONE'
  if (!c.reservation) reserve(s, i, scenario)
  c.progress = c.made
  c.hasLease = 1
  if (scenario.durability !== 'standalone') c.saved = c.made
  return 'OK'
}

/** settle.lua, mode outbox: the claim counts as unconfirmed until the worker confirms it. */
export function settleOutbox(s: State, i: number): void {
  const c = s.calls[i]!
  if (c.doneRank === Rank.Final) return
  release(s, c)
  s.unconfirmed = floor(s.unconfirmed + c.made - (c.unRank ? c.unAmount : 0))
  c.unRank = Rank.Final
  c.unAmount = c.made
  c.doneRank = Rank.Final
  c.finalEntry = Entry.New
}

/** settle.lua, mode direct: Postgres has the claim already. `sums` null: an admission in doubt ends, nothing was committed. */
export function settleDirect(s: State, i: number, sums: Sums | null, { without }: Scenario): void {
  const c = s.calls[i]!
  if (c.doneRank === Rank.Final) return
  release(s, c)
  if (c.unRank) s.unconfirmed = floor(s.unconfirmed - c.unAmount)
  c.unRank = c.unAmount = 0
  if (sums && without === 'absolute (spent, ver)') s.confirmed += c.made
  else if (sums) takeSums(s, sums)
  c.doneRank = c.confirmedRank = Rank.Final
}

/** confirm.lua for what a worker has committed. */
export function confirm(s: State, w: Worker, { without }: Scenario): void {
  if (without !== 'absolute (spent, ver)') takeSums(s, w)
  for (const [i, c] of s.calls.entries()) {
    const isFinal = (w.finals >> i) & 1
    if (!w.swept[i] && !isFinal) continue
    const rank = isFinal ? Rank.Final : Rank.Swept
    if (c.unRank && (c.unRank <= rank || without === 'confirmation tracked per rank')) {
      if (without === 'absolute (spent, ver)') s.confirmed += c.unAmount
      s.unconfirmed = floor(s.unconfirmed - c.unAmount)
      c.unRank = c.unAmount = 0
    }
    if (c.doneRank) c.confirmedRank = max(c.confirmedRank, rank)
    if (w.isStale) continue
    if (w.swept[i]) c.sweptEntry = c.sweptAmount = 0
    if (isFinal) c.finalEntry = Entry.None
  }
}

/** confirm.lua without claims: what reconcile.service.ts sends. */
export function takeSums(s: State, { spent, version }: Sums): void {
  if (version <= s.version) return
  s.confirmed = spent
  s.version = version
}

/** sweep.lua, a lease that ran out. */
export function sweep(s: State, i: number, { without }: Scenario): void {
  const c = s.calls[i]!
  c.hasLease = 0
  if (!c.reservation || c.doneRank) return
  const progress = min(c.progress, c.reserved)
  const freed = without === 'hold of swept remainder' ? c.reserved : progress
  s.reserved = floor(s.reserved - freed)
  s.unconfirmed += progress
  c.reserved -= freed
  c.reservation = Reservation.Held
  c.doneRank = c.unRank = Rank.Swept
  c.unAmount = c.sweptAmount = progress
  c.sweptEntry = Entry.New
}

/** sweep.lua, a hold that ran out. */
export function endHold(s: State, i: number): void {
  release(s, s.calls[i]!)
}

/** Redis comes back without its memory. What workers read before stays with them, under ids that mean nothing now. */
export function wipe(s: State): void {
  s.born = Born.Absent
  s.isLoaded = s.confirmed = s.version = s.unconfirmed = s.reserved = 0
  for (const c of s.calls) {
    c.reservation = c.reserved = c.progress = c.hasLease = c.doneRank = c.confirmedRank = 0
    c.unRank = c.unAmount = c.sweptEntry = c.sweptAmount = c.finalEntry = 0
  }
  for (const w of s.workers) if (w.stage) w.isStale = 1
}

function release(s: State, c: Call): void {
  if (!c.reservation) return
  s.reserved = floor(s.reserved - c.reserved)
  c.reservation = c.reserved = c.progress = c.hasLease = 0
}

/** Counters never go below zero. */
function floor(amount: number): number {
  return amount < 0 ? 0 : amount
}
