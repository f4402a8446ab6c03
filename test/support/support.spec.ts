import { Redis } from 'ioredis'
import { Client } from 'pg'
import { createDatabase, eventually, FakeClock, FaultProxy, redisTargets, type TestDatabase } from './index'

async function ask<T>(url: string, sql: string): Promise<T[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows as T[]
  } finally {
    await client.end()
  }
}

describe('a test database', () => {
  let one: TestDatabase
  let two: TestDatabase
  beforeAll(async () => void ([one, two] = await Promise.all([createDatabase(), createDatabase()])))
  afterAll(() => Promise.all([one.drop(), two.drop()]))

  it('lets all four log-ins in, each as itself', async () => {
    const users = await Promise.all(
      [one.ownerUrl, one.appUrl, one.adminUrl, one.workerUrl].map(
        async (url) => (await ask<{ u: string }>(url, 'SELECT current_user AS u'))[0]?.u,
      ),
    )
    expect(users).toEqual(['postgres', 'tg_app', 'tg_admin', 'tg_worker'])
  })

  it('is apart from every other', async () => {
    await ask(one.ownerUrl, 'CREATE TABLE only_here (id int)')
    await expect(ask(two.ownerUrl, 'SELECT * FROM only_here')).rejects.toThrow(/does not exist/)
  })
})

describe.each(redisTargets())('Redis by $kind', ({ url }) => {
  it('has a database number per worker and starts empty', async () => {
    const redis = new Redis(url)
    expect(await redis.dbsize()).toBe(0)
    await redis.set('left', 'behind')
    await redis.quit()
  })
})

describe.each(redisTargets())('the fault proxy before $kind', ({ url }) => {
  let proxy: FaultProxy
  let redis: Redis
  beforeEach(async () => {
    proxy = await FaultProxy.start(url)
    redis = new Redis(proxy.url, {
      maxRetriesPerRequest: 0,
      commandTimeout: 2_000,
      disconnectTimeout: 50,
      retryStrategy: () => 10,
    })
    redis.on('error', () => {})
    await redis.ping()
  })
  afterEach(async () => {
    redis.disconnect()
    await proxy.stop()
  })

  it('delays replies', async () => {
    await proxy.set({ is: 'latency', latencyMs: 80 })
    const startedAt = performance.now()
    await redis.ping()
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(75)
  })

  it('keeps the order of replies when the delay ends', async () => {
    await proxy.set({ is: 'latency', latencyMs: 100 })
    const late = redis.set('order', 'first')
    await eventually(() => expect(proxy.replyCount).toBe(1))
    await proxy.set({ is: 'none' })
    expect(await Promise.all([late, redis.get('order')])).toEqual(['OK', 'first'])
  })

  it('cut-nth-reply: one reply is lost, those before it arrive', async () => {
    await redis.set('counter', 0)
    await proxy.set({ is: 'cut-nth-reply', index: 2 })
    expect([await redis.incr('counter'), await redis.incr('counter')]).toEqual([1, 2])
    await expect(redis.incr('counter')).rejects.toThrow()
    expect(await eventually(() => redis.get('counter'))).toBe('3')
  })

  it('intercept: the request that matches is told of and not delivered, others pass', async () => {
    const told: string[] = []
    await proxy.set({ is: 'intercept', matches: (bytes) => bytes.includes('secret'), tell: () => void told.push('secret') })
    expect(await redis.set('open', '1')).toBe('OK')
    await expect(redis.set('secret', '1')).rejects.toThrow()
    expect(told).toEqual(['secret'])
    expect(await eventually(() => redis.exists('secret'))).toBe(0)
  })

  it.each(['cut-before-request', 'cut-before-reply'] as const)(
    '%s: tells lost requests from lost replies',
    async (is) => {
      await redis.set('counter', 0)
      await proxy.set({ is })
      await expect(redis.incr('counter')).rejects.toThrow()
      await proxy.set({ is: 'none' })
      const count = await eventually(() => redis.get('counter'))
      expect(count).toBe(is === 'cut-before-reply' ? '1' : '0')
    },
  )

  it.each(['black-hole', 'half-close', 'refuse'] as const)(
    '%s: a request fails, and works again when healed',
    async (is) => {
      await proxy.set({ is })
      await expect(redis.ping()).rejects.toThrow()
      await proxy.set({ is: 'none' })
      if (is === 'black-hole') proxy.cut()
      expect(await eventually(() => redis.ping())).toBe('PONG')
    },
  )

  it('cut-after-reply: the reply arrives, the connection does not live on', async () => {
    await proxy.set({ is: 'cut-after-reply' })
    expect(await redis.ping()).toBe('PONG')
    await eventually(() => expect(redis.status).not.toBe('ready'))
  })
})

it('a fake clock moves only when told', () => {
  const clock = new FakeClock(1_000)
  clock.advance(5)
  expect([clock.now(), clock.monotonicMs()]).toEqual([1_005, 5])
  expect(() => clock.advance(-1)).toThrow()
})
