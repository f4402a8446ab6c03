import { setTimeout as after } from 'node:timers/promises'
import { HostsService } from '@tollgate/hosts'
import { HealthBoard } from '@tollgate/hosts/health'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const SLOTS = 10
const SERVICE_MS = 400
/** Calls a second that one host can take. */
const CAPACITY = (SLOTS * 1_000) / SERVICE_MS
const CLIENTS = 200

// T20: a host dies and comes back under two hundred clients of two gateways.
describe('a host that comes back', () => {
  let stack: Stack
  let tenants: SeededTenant[]
  beforeAll(async () => {
    const host = (name: string) => ({ name, region: 'us-east', dialect: 'ollama' as const, models: ['phi3'], defaults: { delay: SERVICE_MS, gap: 0, words: 1 } })
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, gateways: 2, hosts: ['a', 'b', 'c'].map(host), env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await stack.owner.query(`UPDATE host SET max_parallel = ${SLOTS}`)
    for (const gateway of stack.gateways) await gateway.get(HostsService).refresh()
    // Several: one tenant may not fill the line.
    tenants = await Promise.all(Array.from({ length: 5 }, () => stack.addTenant({ tier: 'enterprise' })))
  }, 60_000)
  afterAll(() => stack.stop())

  it('is tried by one probe at a time, gets a tenth of its capacity in the first second from all gateways together, and does not flap', async () => {
    const host = stack.sandbox.host('b')
    const boards = stack.gateways.map((gateway) => gateway.get(HealthBoard))
    const { id } = stack.gateways[0]!.get(HostsService).hosts().find(({ name }) => name === 'b')!
    let isOver = false
    const client = async (i: number): Promise<void> => {
      while (!isOver) {
        const reply = await fetch(`${stack.urls[i % 2]}/chat`, { method: 'POST', headers: { authorization: `Bearer ${tenants[i % tenants.length]!.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model: 'phi3', max_tokens: 1 }) }).catch(() => null)
        await reply?.text()
        // A client that was turned away thinks before it asks again, as Retry-After tells it to.
        if (!reply?.ok) await after(500)
      }
    }
    const clients = Array.from({ length: CLIENTS }, (_, i) => client(i))
    try {
      await eventually(() => expect(host.stats().completed).toBeGreaterThan(2 * SLOTS), { timeoutMs: 30_000 })
      await host.stop()
      await eventually(() => expect(boards.map((board) => board.standing(id).isOpen)).toEqual([true, true]), { timeoutMs: 30_000 })
      await host.start()
      await eventually(() => expect(boards.map((board) => board.standing(id).isOpen)).toEqual([false, false]), { timeoutMs: 60_000 })
      const { closedAtMs } = boards[0]!.healthOf(id)
      await eventually(() => expect(boards[0]!.standing(id).sinceMs).toBeGreaterThan(5_000), { timeoutMs: 15_000 })
      const calls = host.log().filter(({ path, arrived_at }) => path === '/api/chat' && arrived_at >= closedAtMs)
      expect(calls.filter(({ arrived_at }) => arrived_at < closedAtMs + 1_000).length).toBeLessThanOrEqual(CAPACITY / 10)
      expect(calls.length).toBeGreaterThan(1)
      const probes = host.log().filter(({ path }) => path === '/api/version')
      expect(probes.length).toBeGreaterThan(0)
      for (const [i, probe] of probes.entries()) if (i > 0) expect(probe.arrived_at).toBeGreaterThanOrEqual(probes[i - 1]!.ended_at ?? Infinity)
      // It opened, was perhaps found dead by a probe or two, and closed: nothing opened it again.
      for (const board of boards) expect([board.healthOf(id).closedAtMs, board.standing(id).isOpen]).toEqual([closedAtMs, false])
    } finally {
      isOver = true
      await Promise.all(clients)
    }
  }, 150_000)
})
