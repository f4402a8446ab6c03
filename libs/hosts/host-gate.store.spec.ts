import { systemIds } from '@tollgate/platform/clock'
import { ChangeNotices, RedisClients } from '@tollgate/platform/redis'
import type { Candidate } from '@tollgate/routing'
import { eventually, FakeClock, redisKinds } from '../../test/support'
import type { HealthBoard } from './health/health-board.service'
import { HostGate, type NoPlace, type Place } from './host-gate.service'
import { HostLoad } from './host-load'
import { HostMemory } from './host-memory'
import { HostRoom } from './host-room.service'
import type { HostsService } from './hosts.service'
import { QueueStore } from './queue/queue.store'
import { SharedLine } from './queue/shared-line.service'

const HOST = 'h'
const CALL_MS = 400
const OK = { blames: 'ok', error: null, latencyMs: CALL_MS, loadMs: null, firstMs: null } as const

/** Two gateways before one host of ten slots that has just come back: a tenth of it is half a slot for each. */
describe.each(redisKinds())('the door before a host that comes back, on $kind', ({ open }) => {
  const clock = new FakeClock()
  const closedAtMs = clock.now()
  const model = systemIds.uuid()
  const clients: RedisClients[] = []
  afterAll(() => clients.forEach((one) => one.close()))

  async function gateway(url: string, name: string, other: string) {
    const own = await RedisClients.connect(url, 5_000)
    clients.push(own)
    const load = new HostLoad(new HostMemory(clock))
    const hosts = {
      host: () => ({ id: HOST, provider: 'ollama', maxParallel: 10 }),
      present: (candidate: Candidate) => candidate,
      isLeaving: () => false,
      verdict: () => ({ letIn: new Set<string>(), share: 1 }),
    } as unknown as HostsService
    const board = { standing: () => ({ isOpen: false, isFlagged: false, share: 0.1, sinceMs: clock.now() - closedAtMs }), begin: () => () => undefined } as unknown as HealthBoard
    load.memory.begin({ hostId: HOST, model, upstreamName: model })(CALL_MS, null)
    const store = new QueueStore(own)
    const notices = await ChangeNotices.start(own)
    const line = new SharedLine(store, notices, load, clock, systemIds)
    const gate = new HostGate(hosts, new HostRoom(hosts, board, load, clock, systemIds), load, line, clock)
    // Both use the host: it is known to each what the other said.
    load.enter(HOST, model)
    load.leave(HOST, model)
    const hear = () => load.hear({ self: name, gateways: new Map([[other, { hosts: { [HOST]: 0 }, memory: {}, serves: true, line: { id: other, borrowed: [] } }]]) })
    hear()
    return { gate, load, store, notices, hear }
  }

  it('lets a slot that was lent rest as one that was used here: its gateway gives it away no sooner', async () => {
    const url = await open()
    const lender = await gateway(url, 'a', 'b')
    const borrower = await gateway(url, 'b', 'a')
    const places: Place[] = []
    const leaver = new AbortController()
    const candidate = { hostId: HOST, model, upstreamModel: model, loadMs: 0, waitMs: 0 } as Candidate
    const enter = (i: number) => borrower.gate.enter([candidate], 60_000, leaver.signal, { tenantId: `t${i}`, tier: 'free', weight: 1, tokens: 10 }).then((place: Place | NoPlace) => 'leave' in place && places.push(place))
    const calls = [1, 2, 3].map(enter)
    clock.advance(CALL_MS / 2)
    await eventually(() => expect(places).toHaveLength(1))
    expect(lender.load.ownAt(HOST)).toBe(1)
    // The borrower's own turn comes at 600 ms.
    clock.advance(300)
    places[0]!.leave(OK)
    await eventually(() => expect(lender.load.ownAt(HOST)).toBe(0))
    expect(places).toHaveLength(1)
    clock.advance(300)
    await eventually(() => expect(places).toHaveLength(3))
    expect([lender.load.ownAt(HOST), borrower.load.ownAt(HOST)]).toEqual([1, 1])
    for (const place of places.slice(1)) place.leave(OK)
    leaver.abort()
    await Promise.all(calls)
  })

  it('gives a slot on at once that was lent to a gateway which never heard of it', async () => {
    const { gate, load, store, notices, hear } = await gateway(await open(), 'a', 'b')
    // Heard here at once, and once more from Redis.
    const lent = new Set<string>()
    notices.listen(({ topic, id }) => topic === 'line' && id?.includes('grant') && lent.add((JSON.parse(id) as { id: string }).id))
    const entry = { tenantId: 't', tier: 'free', weight: 1, tokens: 10, gateway: 'gone', untilMs: clock.now() + 60_000, mostWaitMs: 60_000, hosts: [HOST], slots: 1, callMs: 0 }
    for (const id of ['first', 'second']) await store.enter(model, { ...entry, id }, clock.now())
    gate.wanted(model, [HOST])
    await eventually(() => expect([...lent]).toEqual(['first']))
    clock.advance(4_001)
    hear()
    await eventually(() => expect([...lent]).toEqual(['first', 'second']))
    expect(load.ownAt(HOST)).toBe(1)
  })
})
