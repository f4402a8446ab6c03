import { systemIds } from '@tollgate/platform/clock'
import { RedisClients } from '@tollgate/platform/redis'
import { FakeClock, redisKinds } from '../../../test/support'
import type { GatewayWord } from '../host-load'
import { RosterStore } from './roster.store'

const WORD: GatewayWord = { hosts: { h: 1 }, memory: {}, serves: true, line: { id: 'l', borrowed: [] } }

describe.each(redisKinds())('words of gateways, on $kind', ({ open }) => {
  const clients: RedisClients[] = []
  let clock: FakeClock
  beforeAll(async () => {
    for (let i = 0; i < 2; i++) clients.push(await RedisClients.connect(await open(), 5_000))
  })
  beforeEach(async () => {
    clock = new FakeClock()
    await clients[0]!.notices.del('health:gateways')
  })
  afterAll(() => {
    for (const one of clients) one.close()
  })

  const both = () => clients.map((one) => new RosterStore(one, clock, systemIds))

  it('of two that are said at the same moment, one hears the other: never both, never neither', async () => {
    for (let round = 0; round < 50; round++) {
      const said = await Promise.all(both().map((store) => store.exchange(WORD)))
      const [first, second] = said.map(({ self }) => self)
      expect([said[0]!.gateways.has(second!), said[1]!.gateways.has(first!)].filter(Boolean)).toHaveLength(1)
    }
  })

  it('are heard for five seconds, until their gateway leaves', async () => {
    const [first, second] = both()
    const { self } = await first!.exchange(WORD)
    clock.advance(4_000)
    expect((await second!.exchange(WORD)).gateways.get(self)).toMatchObject(WORD)
    clock.advance(2_000)
    expect((await second!.exchange(WORD)).gateways.has(self)).toBe(false)
    await first!.exchange(WORD)
    expect((await second!.exchange(WORD)).gateways.has(self)).toBe(true)
    await first!.leave()
    expect((await second!.exchange(WORD)).gateways.has(self)).toBe(false)
  })
})
