import { ChangeNotices, RedisClients } from '@tollgate/platform/redis'
import { eventually, FaultProxy, redisTargets } from '../../../test/support'

describe.each(redisTargets())('notices of change, on $kind', ({ url }) => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  let proxy: FaultProxy
  let clients: RedisClients
  let publisher: RedisClients
  beforeEach(async () => {
    process.on('unhandledRejection', note)
    proxy = await FaultProxy.start(url)
    clients = await RedisClients.connect(proxy.url, 1_000)
    publisher = await RedisClients.connect(url, 1_000)
  })
  afterEach(async () => {
    clients.close()
    publisher.close()
    await proxy.stop()
    process.off('unhandledRejection', note)
  })

  it('arrive again after a connection that broke while it subscribed, and nothing is left unhandled', async () => {
    const notices = await ChangeNotices.start(clients)
    const heard: string[] = []
    notices.listen(({ topic }) => heard.push(topic))
    let closes = 0
    clients.notices.on('close', () => closes++)
    await proxy.set({ is: 'intercept', matches: (bytes) => /subscribe/i.test(bytes.toString('latin1')), tell: () => void proxy.set({ is: 'refuse' }) })
    proxy.cut()
    // Every connection reconnects at the same pace, and the second failure in a row gives up what waits for a reply.
    await eventually(() => expect(closes).toBeGreaterThan(4))
    await proxy.set({ is: 'none' })
    await eventually(async () => {
      await publisher.notices.publish('tollgate:changed', JSON.stringify({ topic: 'hosts' }))
      expect(heard).toContain('hosts')
    })
    expect(unhandled).toEqual([])
  })
})
