import { bucketTag } from '@tollgate/kernel'
import { mastersOf, RedisClients } from '@tollgate/platform/redis'
import { FakeClock } from '../../test/support'
import { AdmissionStore, type AdmissionCall } from './admission.store'
import type { AdmissionAnswer } from './domain/admission'
import type { Reservation } from './domain/reservation'
import { ALWAYS } from './domain/period'
import { budgetRedisKey, CREDIT, type BudgetScope, type CallScopes, type LimiterScope } from './domain/scopes'
import { OutboxStore } from './outbox.store'

/** The year 2100: periods of specs never end. */
const ENDS_MS = 4_102_444_800_000
export const PERIOD = 'month:2026-11'
const NO_HEADROOM = { requests: null, tokens: null }

/** Sums of a budget as Redis holds them; an absent field is null, an absent counter zero. */
export interface BudgetState {
  readonly isLoaded: boolean
  readonly confirmed: bigint
  readonly version: bigint | null
  readonly unconfirmed: bigint
  readonly reserved: bigint
}

/** What counts in a limiter now. */
export interface LimiterState {
  readonly requests: number
  readonly tokens: number
  readonly parallel: number
}

/** For specs: one bucket of a real Redis with both stores on it, and eyes for what the scripts left there. */
export class BucketFixture {
  readonly admissions: AdmissionStore
  readonly outbox: OutboxStore
  readonly clock = new FakeClock()
  private asked = 0

  constructor(
    readonly clients: RedisClients,
    readonly bucket: number,
  ) {
    this.admissions = new AdmissionStore(clients)
    this.outbox = new OutboxStore(clients, this.clock)
    // A worker has one outbox, a spec file one a test.
    clients.settlement.setMaxListeners(0)
    // Past the seconds in which a fresh worker takes nothing for dead.
    this.clock.advance(60_000)
  }

  get tag(): string {
    return bucketTag(this.bucket)
  }

  get redis() {
    return this.clients.notices
  }

  /** Keys of every server. */
  async keys(pattern: string): Promise<string[]> {
    return (await Promise.all(mastersOf(this.redis).map((server) => server.keys(pattern)))).flat()
  }

  /** Empties the whole database and marks this bucket as one that has lost nothing. */
  async wipe(): Promise<void> {
    await Promise.all(mastersOf(this.redis).map((server) => server.flushdb()))
    await this.redis.set(`${this.tag}:born`, '0')
    await this.admissions.beat('g')
    await this.redis.xgroup('CREATE', `${this.tag}:out`, 'settle', '0', 'MKSTREAM')
  }

  limiter(name: string, requestsPerMinute: number | null, tokensPerMinute: number | null, maxParallel: number | null): LimiterScope {
    return { redisKey: `${this.tag}:lim:${name}`, rule: name, requestsPerMinute, tokensPerMinute, maxParallel }
  }

  budget(tenantId: string, scope: string, maxNano: bigint | null): BudgetScope {
    return { redisKey: budgetRedisKey(this.tag, tenantId, scope, PERIOD), scope, rule: scope, maxPico: maxNano === null ? null : maxNano * 1000n, period: { id: PERIOD, startsAtMs: 0, endsAtMs: ENDS_MS } }
  }

  credit(tenantId: string, grantedNano: bigint): BudgetScope {
    return { redisKey: budgetRedisKey(this.tag, tenantId, CREDIT, ALWAYS.id), scope: CREDIT, rule: 'prepaid credit', maxPico: grantedNano * 1000n, period: ALWAYS }
  }

  /** Loads every budget of some scopes as Postgres would have it after nothing was spent. */
  async load(scopes: CallScopes, spentPico = 0n, version = 0n): Promise<void> {
    for (const budget of scopes.budgets) await this.admissions.loadBudget(budget.redisKey, { spentPico, version }, budget.period.endsAtMs)
  }

  admit(rid: string, scopes: CallScopes, over: Partial<AdmissionCall> = {}): Promise<AdmissionAnswer> {
    const call = { rid, tenantId: 't', keyId: 'k', bucket: this.bucket, authEpoch: 1, estimateNano: 100, estimateTokens: 10, leaseMs: 15_000, draft: `{"rid":"${rid}"}`, asker: `g ${++this.asked}`, ...over }
    return this.admissions.admit(call, scopes)
  }

  reservation(rid: string, scopes: CallScopes, over: Partial<Reservation> = {}): Reservation {
    return {
      rid, tenantId: 't', keyId: 'k', bucket: this.bucket, estimateNano: 100, estimateTokens: 10, admittedAtMs: 1_700_000_000_000, headroom: NO_HEADROOM, scopes: scopes.budgets, standings: [],
      limiterKeys: scopes.limiters.map((limiter) => limiter.redisKey), budgetKeys: scopes.budgets.map((budget) => budget.redisKey), budgets: scopes.budgets.map((budget) => `${budget.scope}|${budget.period.id}`), ...over,
    }
  }

  settle(reservation: Reservation, rank: 0 | 1, amountNano: number, tokens = 0): Promise<void> {
    return this.admissions.settle({ reservation, rank, amountNano, tokens, claim: JSON.stringify({ rid: reservation.rid, rank, amount: amountNano }) })
  }

  async budgetState(key: string): Promise<BudgetState> {
    const [loaded, conf, ver, unconf, resv] = await this.redis.hmget(key, 'loaded', 'conf', 'ver', 'unconf', 'resv')
    return { isLoaded: loaded === '1', confirmed: BigInt(conf ?? 0), version: ver == null ? null : BigInt(ver), unconfirmed: BigInt(unconf ?? 0), reserved: BigInt(resv ?? 0) }
  }

  /** Counts of the slots that are younger than 61 seconds now; throws when the running sums are not their slots' sums. */
  async limiterState(key: string): Promise<LimiterState> {
    const hash = await this.redis.hgetall(key)
    const last = Number(hash.t ?? 0)
    const nowSecond = Number((await this.redis.time())[0])
    const sums = { r: 0, k: 0 }
    const alive = { r: 0, k: 0 }
    for (let second = last - 60; second <= last; second++) {
      for (const unit of ['r', 'k'] as const) {
        const count = Number(hash[unit + (second % 61)] ?? 0)
        if (count < 0) throw new Error(`${key} ${unit} of second ${second} is ${count}`)
        sums[unit] += count
        if (second > nowSecond - 61) alive[unit] += count
      }
    }
    if (sums.r !== Number(hash.r ?? 0) || sums.k !== Number(hash.k ?? 0)) throw new Error(`${key}: running sums ${hash.r}, ${hash.k} are not ${sums.r}, ${sums.k}`)
    return { requests: alive.r, tokens: alive.k, parallel: Number(hash.c ?? 0) }
  }

  /** As if seconds had gone by for the windows: Redis TIME cannot be set, so what it is compared with is moved back. */
  async age(seconds: number): Promise<void> {
    const limiters = await this.keys(`${this.tag}:lim:*`)
    const running = [await this.redis.zrange(`${this.tag}:lease`, '0', '-1'), await this.redis.zrange(`${this.tag}:hold`, '0', '-1')]
    for (const key of limiters) {
      const hash = await this.redis.hgetall(key)
      const moved = Object.entries(hash).map(([field, value]) => {
        if (field === 't') return ['t', String(Number(value) - seconds)]
        const slot = /^([rk])(\d+)$/.exec(field)
        return slot ? [slot[1]! + ((((Number(slot[2]) - seconds) % 61) + 61) % 61), value] : [field, value]
      })
      await this.redis.del(key)
      await this.redis.hset(key, Object.fromEntries(moved))
      await this.redis.expire(key, 1800)
    }
    for (const key of running.flat().map((rid) => `${this.tag}:rsv:${rid}`)) {
      const sec = await this.redis.hget(key, 'sec')
      if (sec) await this.redis.hset(key, 'sec', sec.split(' ').map((second) => String(Number(second) - seconds)).join(' '))
    }
  }

  /** Lets leases (or holds) run out, all or one. */
  async expire(kind: 'lease' | 'hold', rid?: string): Promise<void> {
    const key = `${this.tag}:${kind}`
    for (const member of rid === undefined ? await this.redis.zrange(key, '0', '-1') : [rid]) await this.redis.zadd(key, 'XX', 1, member)
  }

  /** Fields of all queued entries, oldest first. */
  async queued(): Promise<{ id: string; claim: string; at: string | undefined }[]> {
    const entries = await this.redis.xrange(`${this.tag}:out`, '-', '+')
    return entries.map(([id, fields]) => ({ id, claim: fields[fields.indexOf('claim') + 1]!, at: fields.includes('at') ? fields[fields.indexOf('at') + 1] : undefined }))
  }

  /** Keys without an expiry that are not in the bounded list of README.md. */
  async unboundedKeys(): Promise<string[]> {
    const bounded = new Set(['lease', 'hold', 'un', 'out', 'born'].map((name) => `${this.tag}:${name}`))
    const unbounded: string[] = []
    for (const key of await this.keys('*')) if (!bounded.has(key) && (await this.redis.ttl(key)) < 0) unbounded.push(key)
    return unbounded
  }
}
