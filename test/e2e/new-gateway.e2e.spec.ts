import { HostsService } from '@tollgate/hosts'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const SLOTS = 6
const CLIENTS = 12

// The gateway that was there divided the slots without the one that comes: for a second or two it knows of no other.
describe('a gateway that comes to a host', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      gateways: 2,
      hosts: [{ name: 'shared', region: 'us-east', dialect: 'ollama', models: ['phi3'], defaults: { delay: 1_500, gap: 0, words: 1 } }],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    await stack.owner.query(`UPDATE host SET max_parallel = ${SLOTS}`)
    for (const gateway of stack.gateways) await gateway.get(HostsService).refresh()
    tenant = await stack.addTenant({ tier: 'enterprise' })
  }, 60_000)
  afterAll(() => stack.stop())

  it('gives it one call too many at most, and has its part of the slots soon', async () => {
    const host = stack.sandbox.host('shared')
    const chats = () => host.log().filter(({ path }) => path === '/api/chat')
    const served = [0, 0]
    let isOver = false
    const client = async (gateway: number): Promise<void> => {
      while (!isOver) {
        const reply = await fetch(`${stack.urls[gateway]}/chat`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model: 'phi3', max_tokens: 1 }) })
        await reply.text()
        if (reply.ok) served[gateway]!++
      }
    }
    const clients = Array.from({ length: CLIENTS }, () => client(0))
    try {
      await eventually(() => expect(served[0]).toBeGreaterThan(2 * SLOTS), { timeoutMs: 60_000 })
      clients.push(...Array.from({ length: CLIENTS }, () => client(1)))
      await eventually(() => expect(served[1]).toBeGreaterThan(2 * SLOTS), { timeoutMs: 60_000 })
      const log = chats()
      const most = Math.max(...log.map(({ arrived_at: at }) => log.filter(({ arrived_at, ended_at }) => arrived_at <= at && (ended_at ?? Infinity) > at).length))
      expect(most).toBeGreaterThanOrEqual(SLOTS)
      expect(most).toBeLessThanOrEqual(SLOTS + 1)
    } finally {
      isOver = true
      await Promise.all(clients)
    }
  }, 150_000)
})
