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

  /** The most chat calls a host worked on at once, of those that came within a span. */
  const mostAtOnce = (name: string, fromMs: number, toMs: number): number => {
    const calls = stack.sandbox.host(name).log().filter(({ path, arrived_at }) => path === '/api/chat' && arrived_at >= fromMs && arrived_at < toMs)
    return Math.max(0, ...calls.map(({ arrived_at: at }) => calls.filter(({ arrived_at, ended_at }) => arrived_at <= at && (ended_at ?? Infinity) > at).length))
  }

  it('is called as a whole, circuits open or not, and no host of it gets more than half of its slots', async () => {
    const hosts = stack.gateways[0]!.get(HostsService)
    const board = stack.gateways[0]!.get(HealthBoard)
    const ids = NAMES.map((name) => hosts.hosts().find((host) => host.name === name)!.id)
    const open = () => ids.map((id) => board.standing(id).isOpen)
    let isOver = false
    const client = async (): Promise<void> => {
      while (!isOver) await (await stack.post('/chat', tenant.key, { message: 'hi', model: 'phi3', max_tokens: 1 })).text()
    }
    const clients = Array.from({ length: CLIENTS }, client)
    try {
      await eventually(() => expect(NAMES.map((name) => stack.sandbox.host(name).stats().completed > 2 * SLOTS)).toEqual([true, true, true]), { timeoutMs: 30_000 })
      expect(mostAtOnce('c', 0, Infinity)).toBeGreaterThan(SLOTS / 2)
      for (const name of ['a', 'b']) await stack.sandbox.host(name).set('busy')
      await eventually(() => expect(open()).toEqual([true, true, false]), { timeoutMs: 30_000 })
      for (const name of ['a', 'b']) await stack.sandbox.host(name).set('ok')
      await eventually(() => expect(hosts.verdict('phi3')).toEqual({ letIn: new Set(ids.slice(0, 2)), share: 0.5 }), { timeoutMs: 10_000 })
      // What c had been given by then ends.
      const fromMs = Date.now() + 700
      await eventually(() => expect(Math.min(...['a', 'b'].map((name) => stack.sandbox.host(name).log().filter(({ path, arrived_at }) => path === '/api/chat' && arrived_at > fromMs).length))).toBeGreaterThan(2), { timeoutMs: 5_000 })
      expect(open()).toEqual([true, true, false])
      for (const name of NAMES) expect(mostAtOnce(name, fromMs, Date.now())).toBeLessThanOrEqual(SLOTS / 2)
    } finally {
      isOver = true
      await Promise.all(clients)
    }
  }, 100_000)
})
