import { bucketTag } from '@tollgate/kernel'
import { findRedisServer } from '@tollgate/platform/embedded'
import { mastersOf, onInterruption, RedisClients } from '@tollgate/platform/redis'
import { RedisCluster } from '../../test/support'
import { BucketFixture } from './bucket-fixture'

const whenServer = findRedisServer() ? describe : describe.skip
const MASTERS = 3
const SLOTS = 16_384
const BUCKETS = 64

whenServer('a worker while a node of a Redis Cluster is away', () => {
  let cluster: RedisCluster
  let clients: RedisClients
  beforeAll(async () => {
    cluster = await RedisCluster.start({ hasReplicas: true })
    clients = await RedisClients.connect(cluster.url, 500)
  }, 60_000)
  afterAll(async () => {
    clients?.close()
    await cluster?.stop()
  })

  it('takes over what a dead worker read, and sweeps dead calls, in the buckets of all other nodes', async () => {
    const { settlement } = clients
    const nodeOf = async (bucket: number) => Math.floor((Number(await mastersOf(settlement)[0]!.call('CLUSTER', 'KEYSLOT', bucketTag(bucket))) * MASTERS) / SLOTS)
    const nodes = await Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => nodeOf(bucket)))
    const elsewhere = nodes.flatMap((node, bucket) => (node === nodes[0] ? [] : [bucket]))
    const bucket = new BucketFixture(clients, elsewhere[0]!)
    await bucket.wipe()
    await bucket.outbox.ensureGroups()
    for (let other = 0; other < BUCKETS; other++) await settlement.xadd(`${bucketTag(other)}:out`, '*', 'claim', `{"rid":"r${other}"}`)
    expect(await bucket.outbox.read('a worker that dies', 500, 1)).toHaveLength(BUCKETS)
    const scopes = { limiters: [bucket.limiter('t', null, null, 5)], budgets: [] }
    expect(await bucket.admit('a', scopes)).toMatchObject({ code: 'OK' })
    await bucket.expire('lease')

    const told = new Promise<void>((resolve) => onInterruption(settlement, resolve))
    await cluster.killMasterOf(`${bucketTag(0)}:out`)
    await told
    bucket.clock.advance(5_000)
    const [taken, swept] = await Promise.all([bucket.outbox.takeOver('another', 0, 500), bucket.outbox.sweep(60_000)])
    expect(taken.map(({ bucket: of }) => of)).toEqual(expect.arrayContaining(elsewhere))
    expect(swept).toEqual({ swept: 1, freed: 0 })
  }, 60_000)
})
