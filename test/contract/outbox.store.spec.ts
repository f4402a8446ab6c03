import { Redis } from 'ioredis'
import { OutboxStore, type OutboxEntry } from '../../libs/limits'
import { RedisClients } from '../../libs/platform/redis'
import { eventually, FakeClock, FaultProxy, redisTargets } from '../support'

describe.each(redisTargets())('the outbox, as one worker reads it, on $kind', ({ url }) => {
  let control: Redis
  let proxy: FaultProxy
  let clients: RedisClients
  let outbox: OutboxStore
  let consumer = 0
  beforeEach(async () => {
    control = new Redis(url)
    await control.flushdb()
    proxy = await FaultProxy.start(url)
    clients = await RedisClients.connect(proxy.url, 5_000)
    outbox = new OutboxStore(clients, new FakeClock())
    await outbox.ensureGroups()
    consumer++
  })
  afterEach(async () => {
    clients.close()
    await Promise.all([control.quit(), proxy.stop()])
  })

  const queue = async (...claims: string[]) => {
    for (const claim of claims) await control.xadd(`{b0${claim.length % 2}}:out`, '*', 'claim', claim)
  }
  const read = (waitMs = 1) => outbox.read(`worker-${consumer}`, 100, waitMs)
  const confirm = async (entries: readonly OutboxEntry[]) => {
    for (const bucket of new Set(entries.map((entry) => entry.bucket)))
      await outbox.confirm({ bucket, entryIds: entries.filter((entry) => entry.bucket === bucket).map(({ id }) => id), claims: [], sums: [] })
  }
  const texts = (entries: readonly OutboxEntry[]) => entries.map(({ claim }) => claim).sort()

  it('hands a claim out once when it is confirmed', async () => {
    await queue('a', 'bb')
    const first = await read()
    expect(texts(first)).toEqual(['a', 'bb'])
    await confirm(first)
    expect(await read()).toEqual([])
    expect(await outbox.waiting()).toBe(0)
  })

  it('hands a claim out again at the next read when its batch failed, before anything new', async () => {
    await queue('a', 'bb')
    await read()
    await queue('ccc')
    const again = await read()
    expect(texts(again)).toEqual(['a', 'bb'])
    await confirm(again.filter(({ claim }) => claim === 'a'))
    expect(texts(await read())).toEqual(['bb'])
    await confirm(again)
    expect(texts(await read())).toEqual(['ccc'])
  })

  it('hands out again what was lost with its connection', async () => {
    await read()
    await proxy.set({ is: 'cut-before-reply' })
    await queue('a')
    // Redis hands the claim out, and nobody hears of it: the client repeats the read until it gets through.
    const lost = read(50).catch(() => [])
    await eventually(async () => expect((await control.xpending('{b01}:out', 'settle'))[0]).toBe(1))
    await proxy.set({ is: 'none' })
    expect(await lost).toEqual([])
    const found = await eventually(async () => {
      const entries = await read(20)
      expect(entries).not.toEqual([])
      return entries
    })
    expect(texts(found)).toEqual(['a'])
  })

  it('goes on after Redis forgot everything', async () => {
    await queue('a')
    await read()
    await control.flushdb()
    await expect(read()).rejects.toThrow(/NOGROUP/)
    await queue('bb')
    await outbox.ensureGroups()
    expect(texts(await read())).toEqual(['bb'])
  })
})
