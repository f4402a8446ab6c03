import { systemIds } from '@tollgate/platform/clock'
import { ChangeNotices, RedisClients } from '@tollgate/platform/redis'
import { eventually, FakeClock, FaultProxy, redisKinds } from '../../../test/support'
import { HostMemory } from '../host-memory'
import type { CallOutcome } from './call-counts'
import { HealthBoard } from './health-board.service'
import { HealthStore } from './health.store'
import { LeaseStore } from './lease.store'

const OK: CallOutcome = { blames: 'ok', error: null, latencyMs: 10 }
const BAD: CallOutcome = { blames: 'host', error: 'http 503', latencyMs: 20 }
const MISSING: CallOutcome = { blames: 'deployment', error: 'http 404 model missing', latencyMs: 5 }

/** What one gateway knows. */
interface Gateway {
  readonly clients: RedisClients
  readonly store: HealthStore
  readonly board: HealthBoard
  readonly leases: LeaseStore
}

describe.each(redisKinds())('the health of hosts, shared by gateways, on $kind', ({ isCluster, open }) => {
  const clock = new FakeClock()
  let url: string
  let host: string
  let opened: Gateway[] = []

  beforeAll(async () => {
    url = await open()
  })

  async function gateway(redisUrl = url): Promise<Gateway> {
    const clients = await RedisClients.connect(redisUrl, 5_000)
    const store = new HealthStore(clients, systemIds)
    const made = { clients, store, board: new HealthBoard(store, await ChangeNotices.start(clients), new HostMemory(clock), clock), leases: new LeaseStore(clients, systemIds) }
    opened.push(made)
    return made
  }

  beforeEach(() => {
    host = systemIds.uuid()
  })
  afterEach(() => {
    for (const { clients } of opened) clients.close()
    opened = []
  })

  const call = (board: HealthBoard, outcome: CallOutcome, model = 'phi3') => board.begin(host, model)(outcome)

  it('opens a circuit of which three gateways saw one failure each, on all of them at once', async () => {
    const gateways = await Promise.all([gateway(), gateway(), gateway()])
    for (const { board } of gateways) call(board, BAD)
    await eventually(() => {
      for (const { board } of gateways) expect(board.standing(host)).toMatchObject({ isOpen: true, isFlagged: true })
    })
    expect(gateways.map(({ board }) => board.healthOf(host).timesOpened)).toEqual([1, 1, 1])
  })

  it('loses no failure of gateways that tell at the same moment, and opens once', async () => {
    const gateways = await Promise.all([gateway(), gateway(), gateway(), gateway()])
    for (let i = 0; i < 50; i++) for (const { board } of gateways) call(board, BAD)
    await Promise.all(gateways.map(({ board }) => board.sync([host])))
    const reader = await gateway()
    await reader.board.read([host])
    expect(reader.board.healthOf(host)).toMatchObject({ timesOpened: 1, generation: 1 })
    expect((await reader.store.totals(host))!.models).toEqual([expect.objectContaining({ model: 'phi3', total: 200, failed: 200, latencyMs: 4000, lastError: 'http 503' })])
  })

  it('blames a model that is missing on the model, not on its host', async () => {
    const { board } = await gateway()
    for (let i = 0; i < 3; i++) call(board, MISSING)
    expect([board.standing(host).isOpen, board.standing(host, 'phi3').isOpen, board.standing(host, 'llama3.2').isOpen]).toEqual([false, true, false])
  })

  it('counts neither a caller’s fault nor a client that left', async () => {
    const { board, store } = await gateway()
    for (let i = 0; i < 5; i++) call(board, { blames: 'nobody', error: 'aborted', latencyMs: 1 })
    await board.sync([host])
    expect([board.standing(host), await store.totals(host)]).toEqual([{ isOpen: false, isFlagged: false, share: 1, sinceMs: Infinity }, null])
  })

  it('closes on every gateway after one probe passed, with a tenth of the capacity at first', async () => {
    const [first, second] = await Promise.all([gateway(), gateway()])
    for (let i = 0; i < 3; i++) call(first.board, BAD)
    await eventually(() => expect(second.board.open(host).sort()).toEqual(['', 'phi3']))
    expect(second.board.due(host)).toEqual([])
    clock.advance(20_000)
    expect(second.board.due(host).sort()).toEqual(['', 'phi3'])
    await second.board.noteProbe(host, { isReachable: true, latencyMs: 3, error: null, loaded: null }, new Map([['', true], ['phi3', false]]))
    await eventually(() => {
      for (const { board } of [first, second]) expect([board.standing(host), board.standing(host, 'phi3').isOpen, board.lastProbe(host)?.latencyMs]).toEqual([expect.objectContaining({ isOpen: false, share: 0.1 }), true, 3])
    })
  })

  it('lets one process at a time probe a host, and one be the prober until it resigns', async () => {
    const [first, second] = await Promise.all([gateway(), gateway()])
    const inside = await first.leases.asOnlyOne(host, async () => [await second.leases.asOnlyOne(host, () => Promise.resolve('too')), await first.leases.asOnlyOne(host, () => Promise.resolve('too'))])
    expect(inside).toEqual([null, null])
    expect(await second.leases.asOnlyOne(host, () => Promise.resolve('now'))).toBe('now')
    await first.clients.notices.del('health:prober')
    expect([await first.leases.isProber(), await second.leases.isProber(), await first.leases.isProber()]).toEqual([true, false, true])
    await first.leases.resign()
    expect([await second.leases.isProber(), await first.leases.isProber()]).toEqual([true, false])
    await second.leases.resign()
  })

  // Nodes of a cluster tell their own addresses: no proxy stands before them.
  ;(isCluster ? it.skip : it)('goes by what the process sees itself while Redis is away, and teaches a Redis that forgot', async () => {
    const proxy = await FaultProxy.start(url)
    const { board, store } = await gateway(proxy.url)
    call(board, OK)
    await board.sync([host])
    await proxy.set({ is: 'refuse' })
    proxy.cut()
    for (let i = 0; i < 3; i++) call(board, BAD)
    expect(board.standing(host).isOpen).toBe(true)
    await proxy.set({ is: 'none' })
    const direct = await gateway()
    await direct.clients.notices.del(`health:{${host}}`)
    await eventually(async () => {
      await board.noteProbe(host, { isReachable: false, latencyMs: 1, error: 'x', loaded: null }, new Map([['', false]]))
      await board.sync([host])
      await direct.board.read([host])
      expect(direct.board.standing(host).isOpen).toBe(true)
    })
    expect((await store.read([host])).get(host)!.probe).toMatchObject({ isReachable: false, error: 'x' })
    await proxy.stop()
  })
})
