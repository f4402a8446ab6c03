import { RedisClients } from '@tollgate/platform/redis'
import { FakeClock, redisKinds } from '../../../test/support'
import { MOST_OF_TENANT, QueueStore, type Ticket } from './queue.store'

const SERVICE_MS = 1_000
const NO_LIMIT_MS = 1e9
const TIERS: Record<string, number> = { free: 1, standard: 4, premium: 8, enterprise: 16 }

/** A call of a simulated tenant. `tokens` are what it will have used. */
interface Call extends Ticket {
  readonly id: string
  readonly atMs: number
  readonly used: number
}

const kinds = redisKinds()

describe.each(kinds)('the line of a model, on $kind', ({ kind, open }) => {
  let clients: RedisClients
  let store: QueueStore
  let count = 0
  beforeAll(async () => {
    clients = await RedisClients.connect(await open(), 5_000)
    store = new QueueStore(clients)
  })
  afterAll(() => clients.close())

  const ticket = (tier: string, tenantId: string, tokens = 100): Ticket => ({ tier, tenantId, weight: TIERS[tier]!, tokens })
  const enter = (model: string, one: Ticket, over: object = {}, nowMs = 0) => store.enter(model, { ...one, id: `c${++count}`, gateway: 'g', untilMs: NO_LIMIT_MS, mostWaitMs: NO_LIMIT_MS, hosts: ['h'], slots: 1, callMs: 0, ...over }, nowMs)

  /**
   * Hosts of one slot that work through what `next` gives: whenever a tenant has fewer than `depth` calls in line it makes
   * another. The line is the real one, the clock is not: time jumps from end to end of calls. @returns waits and tokens
   */
  async function simulate(tenants: { tier: string; id: string; depth?: number; everyMs?: number }[], { slots = 1, calls = 300, tokensOf = () => 100 }: { slots?: number; calls?: number; tokensOf?: (tier: string) => number }) {
    const model = `sim-${++count}`
    const clock = new FakeClock(0)
    const waiting = new Map<string, Call>()
    const running: { call: Call; endMs: number }[] = []
    const waits = new Map<string, number[]>()
    const used = new Map<string, number>()
    const dueMs = new Map(tenants.map(({ id, everyMs = 0 }) => [id, everyMs / 2]))
    const arrive = async (tier: string, id: string) => {
      const call: Call = { ...ticket(tier, id, 150), id: `c${++count}`, atMs: clock.now(), used: tokensOf(tier) }
      waiting.set(call.id, call)
      await enter(model, call, { id: call.id }, clock.now())
    }
    for (let served = 0; served < calls; ) {
      for (const { tier, id, depth = 0, everyMs } of tenants) {
        const own = [...waiting.values()].filter((call) => call.tenantId === id).length
        if (everyMs === undefined) for (let i = own; i < depth; i++) await arrive(tier, id)
        else if (clock.now() >= dueMs.get(id)!) {
          dueMs.set(id, dueMs.get(id)! + everyMs)
          await arrive(tier, id)
        }
      }
      while (running.length < slots) {
        const next = await store.pop(model, 'h', clock.now())
        if (!next) break
        const call = waiting.get(next.id)!
        waiting.delete(next.id)
        waits.set(call.tenantId, [...(waits.get(call.tenantId) ?? []), clock.now() - call.atMs])
        // Slots end out of step, as they do.
        running.push({ call, endMs: clock.now() + (SERVICE_MS * (9 + (served % 3))) / 10 })
        served++
      }
      running.sort((a, b) => a.endMs - b.endMs)
      const arrivals = tenants.flatMap(({ id, everyMs }) => (everyMs === undefined ? [] : [dueMs.get(id)!]))
      const nextMs = Math.min(running[0]?.endMs ?? Infinity, ...arrivals)
      clock.advance(Math.max(0, nextMs - clock.now()))
      while (running[0] && running[0].endMs <= clock.now()) {
        const { call } = running.shift()!
        used.set(call.tier, (used.get(call.tier) ?? 0) + call.used)
        await store.correct(model, call, call.used - call.tokens, clock.now())
      }
    }
    return { waits, used }
  }
  const p95 = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)]!

  // Thousands of calls: on one Redis only.
  ;(kind === kinds.filter(({ isCluster }) => !isCluster).at(-1)!.kind ? describe : describe.skip)('with figures', () => {
    it.each([
      ['calls alike', 1, () => 100],
      ['three slots, and calls that use more or less than was estimated', 3, (tier: string) => ({ free: 300, standard: 60, premium: 150 })[tier]!],
    ])('serves tokens by the weights of the tiers under a backlog of three, within 5 %%: %s', async (_, slots, tokensOf) => {
      const { used } = await simulate([{ tier: 'free', id: 'f', depth: 6 }, { tier: 'standard', id: 's', depth: 6 }, { tier: 'premium', id: 'p', depth: 6 }], { slots, calls: 1_300, tokensOf })
      const share = (tier: string) => used.get(tier)! / TIERS[tier]!
      for (const tier of ['standard', 'premium']) expect(Math.abs(share(tier) / share('free') - 1)).toBeLessThan(0.05)
    }, 60_000)

    it('gives a tier its share however many tenants it has, and tenants of a tier the same', async () => {
      const many = ['f1', 'f2', 'f3', 'f4', 'f5'].map((id) => ({ tier: 'free', id, depth: 2 }))
      const { used, waits } = await simulate([...many, { tier: 'standard', id: 's', depth: 4 }], { calls: 500 })
      expect(Math.abs(used.get('standard')! / used.get('free')! / 4 - 1)).toBeLessThan(0.05)
      const counts = many.map(({ id }) => waits.get(id)!.length)
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    }, 60_000)

    it.each([['free', 'enterprise'], ['enterprise', 'free'], ['standard', 'premium']])("one %s tenant's flood leaves the %s tier's p95 wait under two service times", async (flood, other) => {
      const { waits } = await simulate([{ tier: flood, id: 'flood', depth: 50 }, { tier: other, id: 'calm', everyMs: 20 * SERVICE_MS }], { calls: 600 })
      expect(waits.get('calm')!.length).toBeGreaterThan(20)
      expect(p95(waits.get('calm')!)).toBeLessThan(2 * SERVICE_MS)
    }, 60_000)

    it('starves nobody: the lightest call is served within its share of turns, under floods of all heavier tiers', async () => {
      const { waits } = await simulate([{ tier: 'free', id: 'f', depth: 1 }, ...['standard', 'premium', 'enterprise'].map((tier) => ({ tier, id: tier, depth: 20 }))], { calls: 400 })
      expect(Math.max(...waits.get('f')!)).toBeLessThanOrEqual(1.1 * SERVICE_MS * (1 + 4 + 8 + 16 + 1))
    }, 60_000)
  })

  it('tells position and estimate, and turns away at once who would wait too long or has too many in it', async () => {
    const model = `told-${++count}`
    for (let i = 1; i <= 4; i++) expect(await enter(model, ticket('free', 'a'), { slots: 2, callMs: 500, mostWaitMs: 1_000 })).toEqual({ isIn: true, position: i, estimateMs: Math.ceil(i / 2) * 500 })
    expect(await enter(model, ticket('free', 'a'), { slots: 2, callMs: 500, mostWaitMs: 1_000 })).toEqual({ isIn: false, position: 5, estimateMs: 1_500 })
    // Nobody of these may go to another host.
    expect((await enter(model, ticket('free', 'c'), { hosts: ['elsewhere'], callMs: 500, mostWaitMs: 1_000 })).position).toBe(1)
    // Another tenant of the tier goes before most of them.
    expect(await enter(model, ticket('free', 'b'), { slots: 2, callMs: 500, mostWaitMs: 1_000 })).toEqual({ isIn: true, position: 2, estimateMs: 500 })
    const full = `full-${++count}`
    for (let i = 0; i < MOST_OF_TENANT; i++) expect((await enter(full, ticket('free', 'a'))).isIn).toBe(true)
    expect((await enter(full, ticket('free', 'a'))).isIn).toBe(false)
    expect((await enter(full, ticket('free', 'b'))).isIn).toBe(true)
  })

  it('gives a slot to the next that may go there; who left or whose gateway died is passed over', async () => {
    const model = `hosts-${++count}`
    await enter(model, ticket('free', 'a'), { id: 'one', hosts: ['x'] })
    await enter(model, ticket('free', 'a'), { id: 'two', hosts: ['x', 'y'] })
    await enter(model, ticket('free', 'b'), { id: 'left', hosts: ['y'] })
    await enter(model, ticket('free', 'c'), { id: 'dead', hosts: ['y'], untilMs: 10 })
    await store.drop(model, ticket('free', 'b'), 'left', 0)
    expect((await store.pop(model, 'y', 2_000))?.id).toBe('two')
    expect(await store.pop(model, 'y', 2_000)).toBeNull()
    expect(await store.pop(model, 'x', 2_000)).toEqual({ id: 'one', gateway: 'g', tier: 'free', tenantId: 'a' })
  })
})
