import fc from 'fast-check'
import { RedisClients } from '@tollgate/platform/redis'
import { redisKinds } from '../../test/support'
import { BucketFixture, PERIOD } from './bucket-fixture'
import type { CallScopes } from './domain/scopes'
import { ReferenceBucket } from './reference-fixture'

/** T02: 500 sequences of 30 steps; `NIGHTLY=1` makes it 10 000 of 60. A failure prints seed and path: pass them to fc.assert. */
const IS_NIGHTLY = process.env['NIGHTLY'] === '1'
const SEQUENCES = IS_NIGHTLY ? 10_000 : 500
/** Slower ones: the in-process server, and a cluster, where a worker asks every stream by itself. */
const FEWER = 50
const STEPS = IS_NIGHTLY ? 60 : 30
const MOST = 2 ** 53 - 1

const which = fc.nat(11)
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('admit' as const), tenant: fc.constantFrom(0, 0, 1), estimate: fc.constantFrom(0, 1, 100, 900, 2_500), tokens: fc.constantFrom(0, 1, 50, 400, 5_000) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('settle' as const), which, share: fc.constantFrom(0, 1, 50, 100), isDirect: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('checkpoint' as const), which, share: fc.constantFrom(0, 10, 100) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('work' as const), most: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('confirm' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sweep leases' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep holds' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('age' as const), seconds: fc.constantFrom(25, 100) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('load late' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('wipe' as const, 'revoke' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
interface Call { readonly rid: string; readonly tenant: number; readonly estimate: number; amount: number | null; progress: number }
type Sums = Map<string, { spent: bigint; version: bigint }>
interface Batch { claims: { rid: string; rank: number }[]; entryIds: string[]; sums: Sums }

/** Runs one sequence on Redis and on the reference at once; the test's own Postgres is a map. */
class Race {
  private readonly model = new ReferenceBucket()
  private readonly scopes: CallScopes[]
  private readonly calls: Call[] = []
  private readonly posted = new Map<string, { rank: number; amount: number }>()
  private readonly spent: Sums = new Map()
  private readonly seen: Sums[] = []
  private readonly batches: Batch[] = []
  /** Until Redis is wiped without grace, or a hold runs out under a call that settles after all, no budget is passed. */
  private isWithinLimits = true

  constructor(
    private readonly bucket: BucketFixture,
    private readonly all: All,
  ) {
    this.scopes = [
      { limiters: [bucket.limiter('t', 8, 1_000, 4), bucket.limiter('k', null, 300, null)], budgets: [bucket.budget('t0', 'tenant', 5_000n), bucket.budget('t0', 'key:k', 3_000n)] },
      { limiters: [], budgets: [bucket.budget('t1', 'tenant', null)] },
    ]
    for (const { budgets } of this.scopes) for (const { redisKey } of budgets) this.spent.set(redisKey, { spent: 0n, version: 0n })
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.bucket.wipe()
    for (const one of steps) {
      await this.take(one)
      await this.compare(one.do)
    }
    await this.rest()
  }

  private async take(one: Step): Promise<void> {
    const call = 'which' in one && this.calls.length > 0 ? this.calls[one.which % this.calls.length]! : null
    if (one.do === 'admit') await this.admit(one.tenant, one.tenant === 1 && one.estimate === 2_500 ? MOST : one.estimate, one.tokens)
    else if (one.do === 'settle' && call) await this.settle(call, Math.floor((call.estimate * one.share) / 100), one.isDirect)
    else if (one.do === 'checkpoint' && call && call.amount === null) await this.checkpoint(call, Math.floor((call.estimate * one.share) / 100))
    else if (one.do === 'work') await this.work(one.most)
    else if (one.do === 'confirm' && this.batches.length > 0) await this.confirm(this.batches[one.which % this.batches.length]!)
    else if (one.do === 'sweep leases' || one.do === 'sweep holds') await this.sweep(one.do === 'sweep leases' ? 'lease' : 'hold')
    else if (one.do === 'age') await Promise.all([this.bucket.age(one.seconds), this.model.age(one.seconds)])
    else if (one.do === 'load late' && this.seen.length > 0) await this.load(this.seen[one.which % this.seen.length]!)
    else if (one.do === 'again' && call) expect(await this.ask(call)).toBe(this.model.admit(call.rid, 'k0', this.scopes[call.tenant]!, BigInt(call.estimate), 1))
    else if (one.do === 'revoke') await Promise.all([this.bucket.admissions.revokeKey(this.bucket.bucket, 'k1'), this.model.revoked.add('k1')])
    else if (one.do === 'wipe') await this.wipe()
  }

  private async ask(call: Call, tokens = 1, keyId = 'k0'): Promise<string> {
    const answer = await this.bucket.admit(call.rid, this.scopes[call.tenant]!, { estimateNano: call.estimate, estimateTokens: tokens, keyId, tenantId: `t${call.tenant}`, draft: JSON.stringify({ rid: call.rid, rank: 0, amount: 0 }) })
    return ['code', 'index', 'unit'].map((field) => (answer as unknown as Record<string, unknown>)[field]).filter((part) => part !== undefined).join(' ')
  }

  private async admit(tenant: number, estimate: number, tokens: number): Promise<void> {
    const call: Call = { rid: `r${this.calls.length}`, tenant, estimate, amount: null, progress: 0 }
    for (;;) {
      const expected = this.model.admit(call.rid, `k${tenant}`, this.scopes[tenant]!, BigInt(estimate), tokens)
      expect(await this.ask(call, tokens, `k${tenant}`)).toBe(expected)
      if (expected === 'OK') this.calls.push(call)
      if (!expected.startsWith('LOAD')) return
      await this.load(this.copyOfSpent())
    }
  }

  private async load(sums: Sums): Promise<void> {
    for (const [key, { spent, version }] of sums) {
      await this.bucket.admissions.loadBudget(key, { spentPico: spent, version }, 4e12)
      this.model.load(key, spent, version)
    }
  }

  private async settle(call: Call, amount: number, isDirect: boolean): Promise<void> {
    call.amount ??= amount
    const scopes = this.scopes[call.tenant]!
    const settle = { reservation: this.reservation(call), rank: 1 as const, amountNano: call.amount, tokens: 20, claim: JSON.stringify({ rid: call.rid, rank: 1, amount: call.amount }) }
    if (isDirect) this.post([{ rid: call.rid, rank: 1, amount: call.amount }])
    const sums = this.copyOfSpent()
    this.model.settle(call.rid, scopes, 1, BigInt(call.amount), 20, isDirect ? sums : null)
    if (!isDirect) return this.bucket.admissions.settle(settle)
    await this.bucket.admissions.settleCommitted(settle, scopes.budgets.map(({ redisKey, scope }) => ({ budget: `${scope}|${PERIOD}`, spentPico: sums.get(redisKey)!.spent, version: sums.get(redisKey)!.version })))
  }

  private async checkpoint(call: Call, progress: number): Promise<void> {
    call.progress = Math.max(call.progress, progress)
    const draft = JSON.stringify({ rid: call.rid, rank: 0, amount: call.progress })
    const [answer] = await this.bucket.admissions.checkpoint(this.bucket.bucket, 15_000, 'g', [{ reservation: this.reservation(call), progressNano: call.progress, draft }])
    expect(answer).toBe(this.model.checkpoint(call.rid, `k${call.tenant}`, this.scopes[call.tenant]!, BigInt(call.estimate), BigInt(call.progress)))
  }

  /** The worker reads and commits; its confirmation comes later, perhaps twice, perhaps out of order. */
  private async work(most: number): Promise<void> {
    const entries = (await this.bucket.queued()).slice(0, most)
    const claims = entries.map(({ claim }) => JSON.parse(claim) as { rid: string; rank: number; amount: number })
    this.post(claims)
    this.batches.push({ claims, entryIds: entries.map(({ id }) => id), sums: this.copyOfSpent() })
  }

  private post(claims: readonly { rid: string; rank: number; amount: number }[]): void {
    for (const { rid, rank, amount } of claims) {
      const before = this.posted.get(rid)
      if (before && before.rank >= rank) continue
      this.posted.set(rid, { rank, amount })
      for (const { redisKey } of this.scopesOf(rid).budgets) {
        const sum = this.spent.get(redisKey)!
        this.spent.set(redisKey, { spent: sum.spent + BigInt(amount - (before?.amount ?? 0)) * 1000n, version: sum.version + 1n })
      }
    }
    this.seen.push(this.copyOfSpent())
  }

  private async confirm({ claims, entryIds, sums }: Batch): Promise<void> {
    this.model.confirm(claims.map(({ rid, rank }) => ({ rid, rank, scopes: this.scopesOf(rid) })), sums)
    await this.bucket.outbox.confirm({
      bucket: this.bucket.bucket,
      entryIds,
      claims: claims.map(({ rid, rank }) => ({ rid, rank, tenantId: this.tenantOf(rid), budgets: this.scopesOf(rid).budgets.map(({ scope }) => `${scope}|${PERIOD}`), isApplied: true })),
      sums: this.scopes.flatMap(({ budgets }, tenant) => budgets.map(({ redisKey, scope }) => ({ tenantId: `t${tenant}`, budget: `${scope}|${PERIOD}`, spentPico: sums.get(redisKey)!.spent, version: sums.get(redisKey)!.version }))),
    })
  }

  private async sweep(kind: 'lease' | 'hold'): Promise<void> {
    if (kind === 'hold' && this.calls.some((call) => call.amount === null)) this.isWithinLimits = false
    await this.bucket.expire(kind)
    await this.bucket.outbox.sweep(60_000)
    if (kind === 'lease') this.model.sweepLeases()
    else this.model.sweepHolds()
  }

  private async wipe(): Promise<void> {
    this.isWithinLimits = false
    this.batches.length = 0
    this.model.wipe()
    await this.bucket.wipe()
  }

  private async compare(after: string): Promise<void> {
    const { tag, redis } = this.bucket
    const keys = this.scopes.flatMap(({ budgets }) => budgets.map(({ redisKey }) => redisKey))
    const limiters = this.scopes[0]!.limiters.map(({ redisKey }) => redisKey)
    const [un, leases, holds, ranks, budgets, windows] = await this.all([
      () => redis.hgetall(`${tag}:un`), () => redis.zrange(`${tag}:lease`, '0', '-1'), () => redis.zrange(`${tag}:hold`, '0', '-1'), () => this.all(this.calls.map(({ rid }) => () => redis.hmget(`${tag}:done:${rid}`, 'rank', 'crank'))),
      () => this.all(keys.map((key) => () => this.bucket.budgetState(key))), () => this.all(limiters.map((key) => () => this.bucket.limiterState(key))),
    ] as const)
    expect({ after, budgets, windows, leases: leases.sort(), holds: holds.sort(), un, ranks }).toEqual({
      after, budgets: keys.map((key) => this.model.budgetState(key)), windows: limiters.map((key) => this.model.limiterState(key)), leases: [...this.model.leases].sort(), holds: [...this.model.holds].sort(),
      un: Object.fromEntries([...this.model.unconfirmed].map(([rid, { rank, amount }]) => [rid, `${rank}:${amount}`])),
      ranks: this.calls.map(({ rid }) => [this.model.done.get(rid)?.rank, this.model.done.get(rid)?.confirmedRank]).map((pair) => pair.map((rank) => (rank === undefined || rank < 0 ? null : String(rank)))),
    })
  }

  /** Everything ends: each call settles (again, as the ring does after a wipe), each claim is committed and confirmed. */
  private async rest(): Promise<void> {
    for (const call of this.calls) if (this.posted.get(call.rid)?.rank !== 1) await this.settle(call, call.progress, false)
    await this.work(1_000)
    for (const { redisKey, maxPico } of this.scopes[0]!.budgets) if (this.isWithinLimits) expect(this.spent.get(redisKey)!.spent <= maxPico!).toBe(true)
    await this.confirm(this.batches.at(-1)!)
    await this.sweep('lease')
    await this.sweep('hold')
    await this.work(1_000)
    await this.confirm(this.batches.at(-1)!)
    await this.load(this.copyOfSpent())
    await this.compare('rest')
    for (const [key, { spent }] of this.spent) expect(await this.bucket.budgetState(key)).toMatchObject({ reserved: 0n, unconfirmed: 0n, confirmed: BigInt(Number(spent / 1000n)) })
    expect(await this.bucket.queued()).toEqual([])
    expect(await this.bucket.unboundedKeys()).toEqual([])
  }

  private copyOfSpent(): Sums {
    return new Map(this.spent)
  }

  private tenantOf(rid: string): string {
    return `t${this.calls.find((call) => call.rid === rid)!.tenant}`
  }

  private scopesOf(rid: string): CallScopes {
    return this.scopes[this.calls.find((call) => call.rid === rid)!.tenant]!
  }

  private reservation(call: Call) {
    return this.bucket.reservation(call.rid, this.scopes[call.tenant]!, { estimateNano: call.estimate, keyId: `k${call.tenant}`, tenantId: `t${call.tenant}` })
  }
}

type All = <T extends readonly (() => Promise<unknown>)[]>(reads: T) => Promise<{ [at in keyof T]: Awaited<ReturnType<T[at]>> }>
const atOnce: All = (reads) => Promise.all(reads.map((read) => read())) as never
/** Commands that share a packet wait 40 ms for their replies on the in-process server. */
const inTurn: All = async (reads) => {
  const results: unknown[] = []
  for (const read of reads) results.push(await read())
  return results as never
}

describe.each(redisKinds())('all scripts against their reference on $kind', ({ kind, isCluster, open }) => {
  const sequences = isCluster || kind === 'js-redis-server' ? FEWER : SEQUENCES
  it(`${sequences} sequences of up to ${STEPS} steps never diverge, never fail, never pass a budget, and end at rest`, async () => {
    const clients = await RedisClients.connect(await open(), 5_000)
    const bucket = new BucketFixture(clients, 7)
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: STEPS, size: 'max' }), (steps) => new Race(bucket, kind === 'js-redis-server' ? inTurn : atOnce).run(steps)),
        { numRuns: sequences },
      )
    } finally {
      clients.close()
    }
  }, IS_NIGHTLY ? 3_600_000 : 120_000)
})
