import { mastersOf, RedisClients } from '@tollgate/platform/redis'
import { redisKinds } from '../../test/support'
import { BucketFixture, PERIOD } from './bucket-fixture'
import type { CallScopes } from './domain/scopes'

const sum = (spentPico: bigint, version: bigint, budget = `tenant|${PERIOD}`) => ({ tenantId: 't', budget, spentPico, version })
let bucket: BucketFixture
let scopes: CallScopes
const tenantBudget = async () => bucket.budgetState(scopes.budgets[0]!.redisKey)
const parallel = async () => (await bucket.limiterState(scopes.limiters[0]!.redisKey)).parallel
const rankOf = (rid: string) => bucket.redis.hmget(`${bucket.tag}:done:${rid}`, 'rank', 'amt', 'crank')
const states = (...rids: string[]) => bucket.admissions.claimStates(bucket.bucket, rids)
const claimOf = (rid: string, rank: number, isApplied = true) => ({ rid, rank, tenantId: 't', budgets: [`tenant|${PERIOD}`], isApplied })
/** Confirms everything that is queued, as the worker does after a commit that brought the budget to `spent`. */
async function confirm(spent: ReturnType<typeof sum>, claims: ReturnType<typeof claimOf>[]): Promise<void> {
  const entryIds = (await bucket.queued()).map(({ id }) => id)
  await bucket.outbox.confirm({ bucket: bucket.bucket, entryIds, claims, sums: [spent] })
}

async function admitted(rid: string, estimateNano = 100): Promise<ReturnType<BucketFixture['reservation']>> {
  expect(await bucket.admit(rid, scopes, { estimateNano })).toMatchObject({ code: 'OK' })
  return bucket.reservation(rid, scopes, { estimateNano })
}

/** A wiped bucket and scopes of one limiter and one hard budget before each test. */
function freshBucket(open: () => Promise<string>): void {
  let clients: RedisClients
  let names = 0
  beforeAll(async () => {
    clients = await RedisClients.connect(await open(), 5_000)
  })
  afterAll(() => clients.close())
  beforeEach(async () => {
    bucket = new BucketFixture(clients, ++names % 64)
    await bucket.wipe()
    scopes = { limiters: [bucket.limiter('t', null, null, 5)], budgets: [bucket.budget('t', 'tenant', 10_000n)] }
    await bucket.load(scopes)
  })
}

describe.each(redisKinds())('settlement on $kind', ({ open }) => {
  freshBucket(open)

  it('frees the reservation, counts the claim as unconfirmed and queues it', async () => {
    await bucket.settle(await admitted('a'), 1, 40)
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 40n, confirmed: 0n })
    expect([await parallel(), await bucket.redis.zcard(`${bucket.tag}:lease`), await bucket.redis.exists(`${bucket.tag}:rsv:a`)]).toEqual([0, 0, 0])
    expect((await bucket.queued()).map(({ claim }) => JSON.parse(claim))).toEqual([{ rid: 'a', rank: 1, amount: 40 }])
    expect(await states('a', 'b')).toEqual(['pending', 'lost'])
  })

  it('a quarantined claim is no longer vouched for, and its budget keeps counting it', async () => {
    await bucket.settle(await admitted('a'), 1, 40)
    await confirm(sum(0n, 1n), [claimOf('a', 1, false)])
    expect(await states('a')).toEqual(['confirmed'])
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 40n, confirmed: 0n })
    expect(await bucket.queued()).toEqual([])
  })

  it('a claim that is in a batch twice is taken off once, and sums that are no exact numbers in Lua are taken off exactly', async () => {
    await bucket.settle(await admitted('a'), 1, 40)
    await bucket.settle(await admitted('b'), 1, 62)
    await confirm(sum(0n, 1n), [claimOf('a', 1), claimOf('a', 1)])
    expect(await tenantBudget()).toMatchObject({ unconfirmed: 62n })
    await bucket.settle(await admitted('c'), 1, Number.MAX_SAFE_INTEGER)
    await confirm(sum(0n, 2n), [claimOf('b', 1), claimOf('c', 1)])
    expect(await tenantBudget()).toMatchObject({ unconfirmed: 0n })
  })

  it('settled twice, or at a lower rank, changes nothing', async () => {
    const call = await admitted('a')
    await bucket.settle(call, 1, 40)
    await bucket.settle(call, 1, 99)
    await bucket.settle(call, 0, 99)
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 40n })
    expect(await bucket.queued()).toHaveLength(1)
  })

  it('confirmed, the sums of Postgres take the place of what was unconfirmed; again, nothing changes', async () => {
    await bucket.settle(await admitted('a'), 1, 40)
    for (let i = 0; i < 2; i++) {
      await confirm(sum(39_001n, 1n), [claimOf('a', 1)])
      expect(await tenantBudget()).toMatchObject({ confirmed: 40n, unconfirmed: 0n, version: 1n })
      expect(await bucket.queued()).toEqual([])
      expect(await states('a')).toEqual(['confirmed'])
    }
    expect(await bucket.redis.hlen(`${bucket.tag}:un`)).toBe(0)
  })

  it('an older sum never replaces a newer one, whichever way it comes', async () => {
    await confirm(sum(9_000n, 5n), [])
    await confirm(sum(8_000n, 4n), [])
    await bucket.load(scopes, 7_000n, 4n)
    await bucket.admissions.settleCommitted({ reservation: await admitted('a'), rank: 1, amountNano: 1, tokens: 0, claim: '{}' }, [{ budget: `tenant|${PERIOD}`, spentPico: 6_000n, version: 3n }])
    expect(await tenantBudget()).toMatchObject({ confirmed: 9n, version: 5n })
  })

  it('a sum that was confirmed while the budget was being loaded is not undone by the load', async () => {
    await bucket.redis.del(scopes.budgets[0]!.redisKey)
    const before = { spentPico: 1_000n, version: 1n }
    await confirm(sum(50_000n, 2n), [])
    await bucket.admissions.loadBudget(scopes.budgets[0]!.redisKey, before, 4e12)
    expect(await tenantBudget()).toMatchObject({ isLoaded: true, confirmed: 50n, version: 2n })
  })

  it('the same for a sum that came with a direct settlement', async () => {
    const call = await admitted('a')
    await bucket.redis.del(scopes.budgets[0]!.redisKey)
    await bucket.admissions.settleCommitted({ reservation: call, rank: 1, amountNano: 49, tokens: 0, claim: '{}' }, [{ budget: `tenant|${PERIOD}`, spentPico: 50_000n, version: 2n }])
    await bucket.load(scopes, 1_000n, 1n)
    expect(await tenantBudget()).toMatchObject({ isLoaded: true, confirmed: 50n, version: 2n })
    expect(await bucket.unboundedKeys()).toEqual([])
  })

  it('direct: Postgres has it already, so nothing is queued and nothing is unconfirmed', async () => {
    const call = await admitted('a')
    await bucket.admissions.settleCommitted({ reservation: call, rank: 1, amountNano: 40, tokens: 0, claim: '{}' }, [{ budget: `tenant|${PERIOD}`, spentPico: 39_500n, version: 1n }])
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 0n, confirmed: 40n, version: 1n })
    expect(await bucket.queued()).toEqual([])
    expect(await states('a')).toEqual(['confirmed'])
  })

  it('confirmation is tracked per rank: a lower rank confirmed late neither frees nor unsays a higher one', async () => {
    const call = await admitted('a')
    await bucket.settle(call, 0, 30)
    await bucket.settle(call, 1, 40)
    await confirm(sum(30_000n, 1n), [claimOf('a', 0)])
    expect(await tenantBudget()).toMatchObject({ confirmed: 30n, unconfirmed: 40n })
    expect(await states('a')).toEqual(['pending'])
    await confirm(sum(40_000n, 2n), [claimOf('a', 1)])
    await confirm(sum(40_000n, 2n), [claimOf('a', 0)])
    expect(await tenantBudget()).toMatchObject({ confirmed: 40n, unconfirmed: 0n })
    expect(await states('a')).toEqual(['confirmed'])
  })

  it('64-bit edges: 0, 1 and 2^53−1 go through every script exactly', async () => {
    scopes = { limiters: [], budgets: [bucket.budget('t', 'tenant', null)] }
    for (const [rid, amount] of [['a', 0], ['b', 1], ['c', Number.MAX_SAFE_INTEGER]] as const) {
      const call = await admitted(rid, amount)
      await bucket.settle(call, 1, amount)
    }
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 2n ** 53n })
    await confirm(sum(2n ** 53n * 1000n, 1n), ['a', 'b', 'c'].map((rid) => claimOf(rid, 1)))
    expect(await tenantBudget()).toMatchObject({ unconfirmed: 0n, confirmed: 2n ** 53n })
  })

  it('bad arguments are refused before the first write', async () => {
    const call = await admitted('a')
    for (const amount of [-1, NaN, Infinity, 2 ** 60]) await expect(bucket.settle(call, 1, amount)).rejects.toThrow('bad arguments')
    await expect(bucket.admit('b', scopes, { estimateNano: -1 })).rejects.toThrow('bad arguments')
    expect(await tenantBudget()).toMatchObject({ reserved: 100n, unconfirmed: 0n })
  })
})

describe.each(redisKinds())('sweep and checkpoints on $kind', ({ open }) => {
  freshBucket(open)
  const checkpoint = (rid: string, progressNano: number, estimateNano = 100) => bucket.admissions.checkpoint(bucket.bucket, 15_000, 'g', [{ reservation: bucket.reservation(rid, scopes, { estimateNano }), progressNano, draft: `{"rid":"${rid}","at":${progressNano}}` }])

  it('a dead call is claimed at its last checkpoint; what it might still use stays held, then is freed', async () => {
    await admitted('a')
    expect(await checkpoint('a', 30)).toEqual(['OK'])
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 0, freed: 0 })
    await bucket.expire('lease')
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 1, freed: 0 })
    expect(await tenantBudget()).toMatchObject({ reserved: 70n, unconfirmed: 30n })
    expect([await parallel(), await rankOf('a')]).toEqual([0, ['0', '30', null]])
    expect(await bucket.queued()).toMatchObject([{ claim: '{"rid":"a","at":30}', at: expect.stringMatching(/^\d{13}$/) }])
    await bucket.expire('hold')
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 0, freed: 1 })
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 30n })
    expect(await bucket.redis.exists(`${bucket.tag}:rsv:a`)).toBe(0)
  })

  it('a call that died before its first checkpoint is claimed as its draft', async () => {
    await admitted('a')
    await bucket.expire('lease')
    await bucket.outbox.sweep(60_000)
    expect(await tenantBudget()).toMatchObject({ reserved: 100n, unconfirmed: 0n })
    expect(await bucket.queued()).toMatchObject([{ claim: '{"rid":"a"}' }])
  })

  it('a hold ends with its gateway: kept while it gives signs of life, freed when they have faded', async () => {
    await admitted('a')
    await bucket.expire('lease')
    await bucket.outbox.sweep(60_000)
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 0, freed: 0 })
    await bucket.redis.del('gw:g')
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 0, freed: 1 })
    expect(await tenantBudget()).toMatchObject({ reserved: 0n })
  })

  it('nothing is taken for dead in the first seconds after Redis was away', async () => {
    await admitted('a')
    await bucket.expire('lease')
    const closed = new Promise((resolve) => bucket.clients.settlement.once('close', resolve))
    const ready = new Promise((resolve) => bucket.clients.settlement.once('ready', resolve))
    for (const server of mastersOf(bucket.clients.settlement)) server.stream.destroy()
    await Promise.all([closed, ready])
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 0, freed: 0 })
    bucket.clock.advance(5_000)
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 1, freed: 0 })
  })

  it('a late final claim replaces the swept one and frees the hold', async () => {
    const call = await admitted('a')
    await checkpoint('a', 30)
    await bucket.expire('lease')
    await bucket.outbox.sweep(60_000)
    await bucket.settle(call, 1, 45)
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 45n })
    expect([await bucket.redis.zcard(`${bucket.tag}:hold`), await parallel(), await bucket.redis.hget(`${bucket.tag}:un`, 'a')]).toEqual([0, 0, '1:45'])
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 0, freed: 0 })
  })

  it('tells a stalled gateway that its call was swept, is done, or lost its key', async () => {
    await admitted('a')
    await bucket.expire('lease')
    await bucket.outbox.sweep(60_000)
    await bucket.settle(await admitted('b'), 1, 1)
    await admitted('c')
    await bucket.admissions.revokeKey(bucket.bucket, 'k')
    expect([...(await checkpoint('a', 1)), ...(await checkpoint('b', 1)), ...(await checkpoint('c', 1))]).toEqual(['SWEPT', 'DONE', 'REVOKED'])
  })

  it('a checkpoint extends the lease', async () => {
    await admitted('a')
    await bucket.expire('lease')
    await checkpoint('a', 1)
    expect(await bucket.outbox.sweep(60_000)).toEqual({ swept: 0, freed: 0 })
  })

  it('re-creates a reservation that Redis lost, once, and it settles and expires like any other', async () => {
    const call = bucket.reservation('a', scopes)
    await admitted('a')
    await bucket.wipe()
    for (let i = 0; i < 2; i++) {
      expect(await checkpoint('a', 10 * i)).toEqual(['OK'])
      expect(await tenantBudget()).toMatchObject({ isLoaded: false, reserved: 100n })
      expect(await parallel()).toBe(1)
    }
    expect(await bucket.unboundedKeys()).toEqual([])
    await bucket.settle(call, 1, 40)
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 40n })
    expect(await parallel()).toBe(0)
  })

  it('progress beyond the reservation is claimed only as far as it was reserved', async () => {
    await admitted('a')
    await checkpoint('a', 500)
    await bucket.expire('lease')
    await bucket.outbox.sweep(60_000)
    expect(await tenantBudget()).toMatchObject({ reserved: 0n, unconfirmed: 100n })
  })
})
