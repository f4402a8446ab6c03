import type { CallScopes, LimiterScope } from './domain/scopes'
import type { BudgetState, LimiterState } from './bucket-fixture'

/** A call of the reference model. `tokens` are those each limiter was charged; null once nothing is reserved. */
interface Held {
  estimate: bigint
  progress: bigint
  isSwept: boolean
  readonly scopes: CallScopes
}

interface Charge {
  readonly rid: string
  readonly key: string
  /** Seconds of age, moved by hand. */
  age: number
  tokens: number
}

interface Sums {
  isLoaded: boolean
  confirmed: bigint
  version: bigint | null
  unconfirmed: bigint
  reserved: bigint
}

const noSums = (): Sums => ({ isLoaded: false, confirmed: 0n, version: null, unconfirmed: 0n, reserved: 0n })
const WINDOW_SECONDS = 61

/** For specs: what the scripts of one bucket promise, written as plain sets and sums instead of counters. */
export class ReferenceBucket {
  readonly held = new Map<string, Held>()
  readonly done = new Map<string, { rank: number; confirmedRank: number }>()
  readonly unconfirmed = new Map<string, { rank: number; amount: bigint }>()
  readonly leases = new Set<string>()
  readonly holds = new Set<string>()
  readonly revoked = new Set<string>()
  private readonly budgets = new Map<string, Sums>()
  private readonly parallel = new Map<string, number>()
  private charges: Charge[] = []

  /** The answer's code, with the index of what refused. */
  admit(rid: string, keyId: string, scopes: CallScopes, estimate: bigint, tokens: number): string {
    if (this.revoked.has(keyId)) return 'REVOKED'
    if (this.held.has(rid) || this.done.has(rid)) return 'DUP'
    for (const [i, limiter] of scopes.limiters.entries()) {
      const { requests, tokens: used, parallel } = this.limiterState(limiter.redisKey)
      if (limiter.maxParallel !== null && parallel >= limiter.maxParallel) return `PARALLEL ${i}`
      if (limiter.requestsPerMinute !== null && requests >= limiter.requestsPerMinute) return `RATE ${i} requests`
      if (limiter.tokensPerMinute !== null && used + charged(tokens, limiter) > limiter.tokensPerMinute) return `RATE ${i} tokens`
    }
    for (const [i, { redisKey, maxPico }] of scopes.budgets.entries()) {
      const sums = this.budgetState(redisKey)
      if (!sums.isLoaded) return `LOAD ${i}`
      if (maxPico !== null && estimate > 0n && sums.confirmed + sums.unconfirmed + sums.reserved + estimate > maxPico / 1000n) return `BUDGET ${i}`
    }
    for (const limiter of scopes.limiters) this.charges.push({ rid, key: limiter.redisKey, age: 0, tokens: charged(tokens, limiter) })
    this.hold(rid, scopes, estimate)
    return 'OK'
  }

  settle(rid: string, scopes: CallScopes, rank: number, amount: bigint, tokens: number, committed: ReadonlyMap<string, { spent: bigint; version: bigint }> | null): void {
    if ((this.done.get(rid)?.rank ?? -1) >= rank) return
    for (const charge of this.charges) if (this.held.has(rid) && charge.rid === rid) charge.tokens = Math.min(charge.tokens, tokens)
    this.release(rid)
    const before = this.unconfirmed.get(rid)?.amount ?? 0n
    for (const { redisKey } of scopes.budgets) {
      this.change(redisKey, (sums) => (sums.unconfirmed = floor(sums.unconfirmed + (committed ? 0n : amount) - before)))
      const sum = committed?.get(redisKey)
      if (sum) this.tell(redisKey, sum.spent, sum.version)
    }
    if (committed) this.unconfirmed.delete(rid)
    else this.unconfirmed.set(rid, { rank, amount })
    this.done.set(rid, { rank, confirmedRank: committed ? rank : (this.done.get(rid)?.confirmedRank ?? -1) })
  }

  confirm(claims: readonly { rid: string; rank: number; scopes: CallScopes }[], sums: ReadonlyMap<string, { spent: bigint; version: bigint }>): void {
    for (const [key, { spent, version }] of sums) this.tell(key, spent, version)
    for (const { rid, rank, scopes } of claims) {
      const open = this.unconfirmed.get(rid)
      if (open && open.rank <= rank) {
        for (const { redisKey } of scopes.budgets) this.change(redisKey, (state) => (state.unconfirmed = floor(state.unconfirmed - open.amount)))
        this.unconfirmed.delete(rid)
      }
      const done = this.done.get(rid)
      if (done) done.confirmedRank = Math.max(done.confirmedRank, rank)
    }
  }

  load(key: string, spent: bigint, version: bigint): void {
    this.tell(key, spent, version)
    this.change(key, (sums) => (sums.isLoaded = true))
  }

  checkpoint(rid: string, keyId: string, scopes: CallScopes, estimate: bigint, progress: bigint): string {
    const done = this.done.get(rid)
    if (done) return done.rank === 0 ? 'SWEPT' : 'DONE'
    if (this.revoked.has(keyId)) return 'REVOKED'
    if (!this.held.has(rid)) this.hold(rid, scopes, estimate)
    this.held.get(rid)!.progress = progress < estimate ? progress : estimate
    this.leases.add(rid)
    return 'OK'
  }

  /** Every lease has run out. @returns the calls that were claimed */
  sweepLeases(): string[] {
    const swept = [...this.leases].filter((rid) => this.held.has(rid) && !this.done.has(rid))
    for (const rid of swept) {
      const call = this.held.get(rid)!
      this.changeParallel(call.scopes, -1)
      for (const { redisKey } of call.scopes.budgets) {
        this.change(redisKey, (sums) => {
          sums.reserved = floor(sums.reserved - call.progress)
          sums.unconfirmed += call.progress
        })
      }
      call.estimate -= call.progress
      call.isSwept = true
      this.unconfirmed.set(rid, { rank: 0, amount: call.progress })
      this.done.set(rid, { rank: 0, confirmedRank: -1 })
      this.holds.add(rid)
    }
    this.leases.clear()
    return swept
  }

  /** Every hold has run out. */
  sweepHolds(): void {
    for (const rid of [...this.holds]) this.release(rid)
  }

  age(seconds: number): void {
    for (const charge of this.charges) charge.age += seconds
  }

  /** Redis lost everything. */
  wipe(): void {
    for (const each of [this.held, this.done, this.unconfirmed, this.leases, this.holds, this.revoked, this.budgets, this.parallel]) each.clear()
    this.charges = []
  }

  budgetState(key: string): BudgetState {
    return this.budgets.get(key) ?? noSums()
  }

  limiterState(key: string): LimiterState {
    const own = this.charges.filter((charge) => charge.key === key && charge.age < WINDOW_SECONDS)
    return { requests: own.length, tokens: own.reduce((sum, charge) => sum + charge.tokens, 0), parallel: this.parallel.get(key) ?? 0 }
  }

  private hold(rid: string, scopes: CallScopes, estimate: bigint): void {
    for (const { redisKey } of scopes.budgets) this.change(redisKey, (sums) => (sums.reserved += estimate))
    this.changeParallel(scopes, 1)
    this.held.set(rid, { estimate, progress: 0n, isSwept: false, scopes })
    this.leases.add(rid)
  }

  private release(rid: string): void {
    const call = this.held.get(rid)
    if (!call) return
    for (const { redisKey } of call.scopes.budgets) this.change(redisKey, (sums) => (sums.reserved = floor(sums.reserved - call.estimate)))
    if (!call.isSwept) this.changeParallel(call.scopes, -1)
    this.held.delete(rid)
    this.leases.delete(rid)
    this.holds.delete(rid)
  }

  private tell(key: string, spent: bigint, version: bigint): void {
    this.change(key, (sums) => {
      if (version <= (sums.version ?? -1n)) return
      // Exact up to 2⁵³ nano, nine million units: the most a budget may hold (metering.md, Money).
      sums.confirmed = BigInt(Number((spent + 999n) / 1000n))
      sums.version = version
    })
  }

  private change(key: string, work: (sums: Sums) => unknown): void {
    const sums = this.budgets.get(key) ?? noSums()
    this.budgets.set(key, sums)
    work(sums)
  }

  private changeParallel(scopes: CallScopes, by: number): void {
    for (const { redisKey } of scopes.limiters) this.parallel.set(redisKey, Math.max(0, (this.parallel.get(redisKey) ?? 0) + by))
  }
}

function charged(tokens: number, limiter: LimiterScope): number {
  return limiter.tokensPerMinute === null ? tokens : Math.min(tokens, limiter.tokensPerMinute)
}

function floor(amount: bigint): bigint {
  return amount < 0n ? 0n : amount
}
