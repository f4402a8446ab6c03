import { setTimeout as after } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { HostsService } from '@tollgate/hosts'
import { HealthBoard } from '@tollgate/hosts/health'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const SLOTS = 8
const CLIENTS = 24
const NAMES = ['a', 'b', 'c']

// Two of three circuits open, and probes find all three hosts alive: calls say more of us than of the hosts.
describe('a pool that is less than half well', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    const host = (name: string) => ({ name, region: 'us-east', dialect: 'ollama' as const, models: ['phi3'], defaults: { delay: 500, gap: 0, words: 1 } })
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: NAMES.map(host) })
    await stack.owner.query(`UPDATE host SET max_parallel = ${SLOTS}`)
    await stack.gateways[0]!.get(HostsService).refresh()
    tenant = await stack.addTenant({ tier: 'enterprise' })
    // All in memory, and known to be: else the first host to load the model gets the calls.
    for (const { baseUrl } of stack.sandbox.hosts) await (await fetch(`${baseUrl}/api/generate`, { method: 'POST', body: JSON.stringify({ model: 'phi3' }) })).text()
    await eventually(() => expect(stack.gateways[0]!.get(HostsService).candidates('phi3').map(({ loadMs }) => loadMs)).toEqual([0, 0, 0]), { timeoutMs: 20_000 })
  }, 60_000)
  afterAll(() => stack.stop())

  /** Chat calls that a host got within a span. */
  const callsOf = (name: string, fromMs: number, toMs: number) => stack.sandbox.host(name).log().filter(({ path, arrived_at }) => path === '/api/chat' && arrived_at >= fromMs && arrived_at < toMs)
  /** The most of them that it worked on at once. */
  const mostAtOnce = (name: string, fromMs: number, toMs: number): number => {
    const calls = callsOf(name, fromMs, toMs)
    return Math.max(0, ...calls.map(({ arrived_at: at }) => calls.filter(({ arrived_at, ended_at }) => arrived_at <= at && (ended_at ?? Infinity) > at).length))
  }

  it('is called as a whole, circuits open or not, and no host of it gets more than half of its slots', async () => {
    const hosts = stack.gateways[0]!.get(HostsService)
    const board = stack.gateways[0]!.get(HealthBoard)
    const ids = NAMES.map((name) => hosts.hosts().find((host) => host.name === name)!.id)
    const open = () => ids.map((id) => board.standing(id).isOpen)
    /** A span in which both circuits were open and both hosts were called all the same; null where a circuit closed before there was one, which it may. */
    const span = async (): Promise<[fromMs: number, toMs: number] | null> => {
      for (const name of ['a', 'b']) await stack.sandbox.host(name).set('busy')
      await eventually(() => expect(open()).toEqual([true, true, false]), { timeoutMs: 30_000 })
      for (const name of ['a', 'b']) await stack.sandbox.host(name).set('ok')
      for (let fromMs = Infinity; ; await after(20)) {
        const toMs = Date.now()
        if (!isDeepStrictEqual(open(), [true, true, false])) return null
        // What c had been given by then ends.
        if (fromMs === Infinity && isDeepStrictEqual(hosts.verdict('phi3'), { letIn: new Set(ids.slice(0, 2)), share: 0.5 })) fromMs = toMs + 700
        if (['a', 'b'].every((name) => callsOf(name, fromMs, toMs).length > 2)) return [fromMs, toMs]
      }
    }
    let isOver = false
    const client = async (): Promise<void> => {
      while (!isOver) await (await stack.post('/chat', tenant.key, { message: 'hi', model: 'phi3', max_tokens: 1 })).text()
    }
    const clients = Array.from({ length: CLIENTS }, client)
    try {
      await eventually(() => expect(NAMES.map((name) => stack.sandbox.host(name).stats().completed > 2 * SLOTS)).toEqual([true, true, true]), { timeoutMs: 30_000 })
      expect(mostAtOnce('c', 0, Infinity)).toBeGreaterThan(SLOTS / 2)
      let seen = await span()
      for (let tries = 1; seen === null && tries < 5; tries++) seen = await span()
      expect(seen).not.toBeNull()
      for (const name of NAMES) expect(mostAtOnce(name, ...seen!)).toBeLessThanOrEqual(SLOTS / 2)
    } finally {
      isOver = true
      await Promise.all(clients)
    }
  }, 240_000)
})
