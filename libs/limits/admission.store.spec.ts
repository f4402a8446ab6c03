import { RedisClients } from '@tollgate/platform/redis'
import { redisKinds } from '../../test/support'
import { BucketFixture } from './bucket-fixture'
import type { CallScopes } from './domain/scopes'

describe.each(redisKinds())('admission on $kind', ({ open }) => {
  let clients: RedisClients
  let bucket: BucketFixture
  let scopes: CallScopes
  let names = 0

  beforeAll(async () => {
    clients = await RedisClients.connect(await open(), 5_000)
  })
  afterAll(() => clients.close())
  beforeEach(async () => {
    bucket = new BucketFixture(clients, ++names % 64)
    await bucket.wipe()
    scopes = {
      limiters: [bucket.limiter('t', 5, 100, 3), bucket.limiter('k', null, 50, null)],
      budgets: [bucket.budget('t', 'tenant', 1_000n), bucket.budget('t', 'project:p', 500n), bucket.budget('t', 'key:k', null)],
    }
  })
  const reserved = () => Promise.all(scopes.budgets.map(async ({ redisKey }) => Number((await bucket.budgetState(redisKey)).reserved)))
  const counts = () => Promise.all(scopes.limiters.map(({ redisKey }) => bucket.limiterState(redisKey)))

  it('OK reserves every budget and counts in every limiter, and tells what is left of the tightest', async () => {
    await bucket.load(scopes)
    expect(await bucket.admit('a', scopes)).toMatchObject({ code: 'OK', headroom: { requests: { limit: 5, remaining: 4 }, tokens: { limit: 50, remaining: 40 } } })
    expect(await reserved()).toEqual([100, 100, 100])
    expect(await counts()).toEqual([{ requests: 1, tokens: 10, parallel: 1 }, { requests: 1, tokens: 10, parallel: 1 }])
    expect(await bucket.redis.zrange(`${bucket.tag}:lease`, '0', '-1')).toEqual(['a'])
  })

  it('the same admission sent again is the same reservation; after its settlement it is refused', async () => {
    await bucket.load(scopes)
    const first = await bucket.admit('a', scopes, { asker: 'g 7' })
    expect(await bucket.admit('a', scopes, { asker: 'g 7' })).toMatchObject({ code: 'OK', nowMs: (first as { nowMs: number }).nowMs })
    expect(await reserved()).toEqual([100, 100, 100])
    expect((await counts()).map(({ parallel }) => parallel)).toEqual([1, 1])
    await bucket.settle(bucket.reservation('a', scopes), 1, 7)
    expect(await bucket.admit('a', scopes, { asker: 'g 7' })).toEqual({ code: 'DUP' })
  })

  it('DUP: the same request id is never admitted twice, running or done', async () => {
    await bucket.load(scopes)
    await bucket.admit('a', scopes)
    expect(await bucket.admit('a', scopes)).toEqual({ code: 'DUP' })
    expect(await reserved()).toEqual([100, 100, 100])
    await bucket.settle(bucket.reservation('a', scopes), 1, 7)
    expect(await bucket.admit('a', scopes)).toEqual({ code: 'DUP' })
  })

  it('BUDGET refuses whole: what one budget lacks is reserved in none, and nothing is counted', async () => {
    await bucket.load(scopes)
    await bucket.admit('a', scopes, { estimateNano: 450 })
    const answer = await bucket.admit('b', scopes, { estimateNano: 51 })
    expect(answer).toEqual({ code: 'BUDGET', index: 1, limitNano: 500n, usedNano: 0n, reservedNano: 450n })
    expect(await reserved()).toEqual([450, 450, 450])
    expect((await counts())[0]).toMatchObject({ requests: 1, parallel: 1 })
    expect(await bucket.admit('c', scopes, { estimateNano: 50 })).toMatchObject({ code: 'OK' })
  })

  it('BUDGET counts confirmed, unconfirmed and reserved together', async () => {
    await bucket.load(scopes, 400_000n, 3n)
    await bucket.admit('a', scopes, { estimateNano: 60 })
    await bucket.settle(bucket.reservation('a', scopes), 1, 60)
    expect(await bucket.admit('b', scopes, { estimateNano: 41 })).toEqual({ code: 'BUDGET', index: 1, limitNano: 500n, usedNano: 460n, reservedNano: 0n })
    expect(await bucket.admit('c', scopes, { estimateNano: 40 })).toMatchObject({ code: 'OK' })
  })

  it('OK says what each budget stood at without the call, asked only or for good; nothing where it was said before', async () => {
    await bucket.load(scopes, 400_000n, 3n)
    await bucket.admit('a', scopes, { estimateNano: 60 })
    await bucket.settle(bucket.reservation('a', scopes), 1, 60)
    const each = (reservedNano: number) => ({ standings: scopes.budgets.map(() => ({ usedNano: 460, reservedNano })) })
    expect(await bucket.admit('b', scopes, { estimateNano: 7, isDry: true })).toMatchObject(each(0))
    expect(await bucket.admit('b', scopes, { estimateNano: 7, asker: 'g 9' })).toMatchObject(each(0))
    expect(await bucket.admit('b', scopes, { estimateNano: 7, asker: 'g 9' })).toMatchObject({ code: 'OK', standings: [] })
    expect(await bucket.admit('c', scopes, { estimateNano: 0 })).toMatchObject(each(7))
  })

  it('a budget without a limit never refuses, and is counted all the same', async () => {
    const soft = { limiters: [], budgets: [bucket.budget('t', 'tenant', null)] }
    await bucket.load(soft, 10n ** 15n, 1n)
    expect(await bucket.admit('a', soft, { estimateNano: Number.MAX_SAFE_INTEGER })).toMatchObject({ code: 'OK' })
    expect((await bucket.budgetState(soft.budgets[0]!.redisKey)).reserved).toBe(BigInt(Number.MAX_SAFE_INTEGER))
  })

  it('a budget of nothing admits what costs nothing, and nothing else', async () => {
    const none = { limiters: [], budgets: [bucket.budget('t', 'tenant', 0n)] }
    await bucket.load(none)
    expect(await bucket.admit('a', none, { estimateNano: 0 })).toMatchObject({ code: 'OK' })
    expect(await bucket.admit('b', none, { estimateNano: 1 })).toMatchObject({ code: 'BUDGET' })
  })

  it('what costs nothing is let in by a budget and by credit that are spent to the last, by more than that, and while hard caps wait', async () => {
    const spent = { limiters: [bucket.limiter('t', 5, null, null)], budgets: [bucket.budget('t', 'tenant', 100n), bucket.credit('t', 100n)] }
    for (const [nano, rid] of [[100n, 'a'], [250n, 'b']] as const) {
      await bucket.load(spent, nano * 1000n, nano)
      expect(await bucket.admit(rid, spent, { estimateNano: 0 })).toMatchObject({ code: 'OK' })
      expect(await bucket.admit(`${rid} priced`, spent, { estimateNano: 1 })).toEqual({ code: 'BUDGET', index: 0, limitNano: 100n, usedNano: nano, reservedNano: 0n })
    }
    await bucket.redis.set(`${bucket.tag}:born`, '9999999999999')
    expect(await bucket.admit('c', spent, { estimateNano: 0 })).toMatchObject({ code: 'OK' })
    expect(await bucket.admit('d', spent, { estimateNano: 1 })).toMatchObject({ code: 'GRACE' })
  })

  it('credit is a budget whose period never ends: loaded, reserved and settled like any other, and it stays in Redis', async () => {
    const prepaid = { limiters: [], budgets: [bucket.budget('t', 'tenant', null), bucket.credit('t', 1_000n)] }
    await bucket.load(prepaid)
    expect(await bucket.redis.pttl(prepaid.budgets[1]!.redisKey)).toBeGreaterThan(365 * 86_400_000)
    expect(await bucket.admit('a', prepaid, { estimateNano: 800 })).toMatchObject({ code: 'OK' })
    expect(await bucket.admit('b', prepaid, { estimateNano: 201 })).toEqual({ code: 'BUDGET', index: 1, limitNano: 1_000n, usedNano: 0n, reservedNano: 800n })
    expect(await bucket.admissions.heldOf(prepaid.budgets[1]!.redisKey)).toBe(800)
    await bucket.settle(bucket.reservation('a', prepaid, { estimateNano: 800 }), 1, 300)
    expect(await bucket.admissions.heldOf(prepaid.budgets[1]!.redisKey)).toBe(300)
    expect(await bucket.admit('b', prepaid, { estimateNano: 700 })).toMatchObject({ code: 'OK' })
    expect(await bucket.unboundedKeys()).toEqual([])
  })

  it('LOAD names the budget that Redis does not know: it is never taken as zero', async () => {
    expect(await bucket.admit('a', scopes)).toEqual({ code: 'LOAD', index: 0 })
    await bucket.load({ ...scopes, budgets: scopes.budgets.slice(0, 2) })
    expect(await bucket.admit('a', scopes)).toEqual({ code: 'LOAD', index: 2 })
    expect(await reserved()).toEqual([0, 0, 0])
  })

  it('PERIOD answers the time of Redis when a period is not the current one', async () => {
    const [budget] = scopes.budgets
    for (const period of [{ id: 'x', startsAtMs: 0, endsAtMs: 1 }, { id: 'y', startsAtMs: 4e12, endsAtMs: 5e12 }]) {
      const answer = await bucket.admit('a', { limiters: [], budgets: [{ ...budget!, period }] })
      expect(answer).toEqual({ code: 'PERIOD', nowMs: expect.any(Number) })
    }
  })

  it('BORN asks a fresh Redis to be marked; GRACE lets only hard-capped callers wait', async () => {
    await bucket.redis.del(`${bucket.tag}:born`)
    expect(await bucket.admit('a', scopes)).toEqual({ code: 'BORN' })
    const graceMs = await bucket.admissions.markBorn(bucket.bucket, 2_500)
    expect(graceMs).toBeGreaterThan(2_000)
    expect(await bucket.admissions.markBorn(bucket.bucket, 99_999)).toBeLessThanOrEqual(graceMs)
    await bucket.load(scopes)
    expect(await bucket.admit('a', scopes)).toMatchObject({ code: 'GRACE' })
    expect(await bucket.admit('b', { limiters: [], budgets: [scopes.budgets[2]!] })).toMatchObject({ code: 'OK' })
  })

  it('REVOKED and EPOCH hold from the very next admission', async () => {
    await bucket.load(scopes)
    await bucket.admissions.raiseEpoch(bucket.bucket, 't', 2)
    expect(await bucket.admit('a', scopes)).toEqual({ code: 'EPOCH' })
    expect(await bucket.admit('a', scopes, { authEpoch: 2 })).toMatchObject({ code: 'OK' })
    await bucket.admissions.revokeKey(bucket.bucket, 'k')
    expect(await bucket.admit('b', scopes, { authEpoch: 2 })).toEqual({ code: 'REVOKED' })
    expect(await bucket.admit('b', scopes, { authEpoch: 2, keyId: 'other' })).toMatchObject({ code: 'OK' })
  })

  it('PARALLEL counts calls in flight, and a settled one makes room', async () => {
    await bucket.load(scopes)
    for (const rid of ['a', 'b', 'c']) await bucket.admit(rid, scopes, { estimateTokens: 0 })
    expect(await bucket.admit('d', scopes, { estimateTokens: 0 })).toEqual({ code: 'PARALLEL', index: 0, limit: 3, used: 3 })
    await bucket.settle(bucket.reservation('a', scopes), 1, 0)
    expect(await bucket.admit('d', scopes, { estimateTokens: 0 })).toMatchObject({ code: 'OK' })
  })

  it('RATE: requests leave the window after 61 seconds and not before, and the wait says when', async () => {
    const window: CallScopes = { limiters: [bucket.limiter('w', 2, null, null)], budgets: [] }
    await bucket.admit('a', window)
    await bucket.age(30)
    await bucket.admit('b', window)
    const full = await bucket.admit('c', window)
    expect(full).toMatchObject({ code: 'RATE', index: 0, unit: 'requests', limit: 2, used: 2 })
    if (full.code === 'RATE') expect(full.waitMs).toBeGreaterThan(29_000 - 1_000)
    if (full.code === 'RATE') expect(full.waitMs).toBeLessThanOrEqual(31_000)
    await bucket.age(29)
    expect(await bucket.admit('d', window)).toMatchObject({ code: 'RATE', used: 2 })
    await bucket.age(5)
    expect(await bucket.admit('e', window)).toMatchObject({ code: 'OK' })
    await bucket.age(200)
    expect(await bucket.limiterState(window.limiters[0]!.redisKey)).toMatchObject({ requests: 0 })
    expect(await bucket.admit('f', window)).toMatchObject({ code: 'OK', headroom: { requests: { remaining: 1 } } })
  })

  it('a clock that was stepped back does not reopen the window', async () => {
    const window: CallScopes = { limiters: [bucket.limiter('w', 1, null, null)], budgets: [] }
    await bucket.admit('a', window)
    await bucket.age(-7_200)
    expect(await bucket.admit('b', window)).toMatchObject({ code: 'RATE', used: 1 })
  })

  it('keeps every promise about expiry: no key lives for ever that is not in the bounded list', async () => {
    await bucket.load(scopes)
    await bucket.admit('a', scopes)
    await bucket.admit('b', scopes)
    await bucket.settle(bucket.reservation('a', scopes), 1, 5)
    await bucket.admissions.revokeKey(bucket.bucket, 'k')
    await bucket.admissions.raiseEpoch(bucket.bucket, 't', 2)
    expect(await bucket.unboundedKeys()).toEqual([])
  })
})

describe.each(redisKinds())('tokens of the window on $kind', ({ open }) => {
  let bucket: BucketFixture
  beforeAll(async () => {
    bucket = new BucketFixture(await RedisClients.connect(await open(), 5_000), 1)
  })
  beforeEach(() => bucket.wipe())
  afterAll(() => bucket.clients.close())

  it('are corrected to what was used when the call ends', async () => {
    const scopes: CallScopes = { limiters: [bucket.limiter('t', null, 1_000, null)], budgets: [] }
    await bucket.admit('a', scopes, { estimateTokens: 600 })
    expect(await bucket.admit('b', scopes, { estimateTokens: 600 })).toMatchObject({ code: 'RATE', unit: 'tokens', used: 600 })
    await bucket.settle(bucket.reservation('a', scopes), 1, 0, 150)
    expect((await bucket.limiterState(scopes.limiters[0]!.redisKey)).tokens).toBe(150)
    expect(await bucket.admit('b', scopes, { estimateTokens: 600 })).toMatchObject({ code: 'OK' })
  })

  it('of a call larger than the limit take all of it, and leave what was used behind', async () => {
    const scopes: CallScopes = { limiters: [bucket.limiter('t', null, 10_000, null), bucket.limiter('k', null, 1_000, null)], budgets: [] }
    await bucket.admit('a', scopes, { estimateTokens: 5_000 })
    await bucket.settle(bucket.reservation('a', scopes), 1, 0, 200)
    const states = await Promise.all(scopes.limiters.map(({ redisKey }) => bucket.limiterState(redisKey)))
    expect(states.map(({ tokens }) => tokens)).toEqual([200, 200])
  })

  it('of one call are never given back from what others used', async () => {
    const scopes: CallScopes = { limiters: [bucket.limiter('k', null, 1_000, null)], budgets: [] }
    await bucket.admit('a', scopes, { estimateTokens: 300 })
    await bucket.admit('b', scopes, { estimateTokens: 700 })
    await bucket.settle(bucket.reservation('b', scopes), 1, 0, 0)
    await bucket.age(100)
    await bucket.admit('c', scopes, { estimateTokens: 1_000 })
    await bucket.settle(bucket.reservation('a', scopes), 1, 0, 0)
    expect((await bucket.limiterState(scopes.limiters[0]!.redisKey)).tokens).toBe(1_000)
  })
})
