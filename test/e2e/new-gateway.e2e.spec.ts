import { HostsService } from '@tollgate/hosts'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const SLOTS = 6
const CLIENTS = 12

describe('gateways that come to a host', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      gateways: 2,
      hosts: [
        { name: 'shared', region: 'us-east', dialect: 'ollama', models: ['phi3'], defaults: { delay: 1_500, gap: 0, words: 1 } },
        { name: 'idle', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { delay: 1_500, gap: 0, words: 1 } },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    await stack.owner.query(`UPDATE host SET max_parallel = ${SLOTS}`)
    for (const gateway of stack.gateways) await gateway.get(HostsService).refresh()
    tenant = await stack.addTenant({ tier: 'enterprise' })
  }, 60_000)
  afterAll(() => stack.stop())

  /** Calls of a model, by clients that each make one after the other. */
  function crowds(model: string) {
    const served = [0, 0]
    const clients: Promise<void>[] = []
    let isOver = false
    const client = async (gateway: number): Promise<void> => {
      while (!isOver) {
        const reply = await fetch(`${stack.urls[gateway]}/chat`, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model, max_tokens: 1 }) })
        await reply.text()
        if (reply.ok) served[gateway]!++
      }
    }
    return {
      served,
      come: (gateway: number) => void clients.push(...Array.from({ length: CLIENTS }, () => client(gateway))),
      end: async () => {
        isOver = true
        await Promise.all(clients)
      },
    }
  }
  const most = (host: string) => {
    const log = stack.sandbox.host(host).log().filter(({ path }) => path === '/api/chat')
    return Math.max(...log.map(({ arrived_at: at }) => log.filter(({ arrived_at, ended_at }) => arrived_at <= at && (ended_at ?? Infinity) > at).length))
  }

  // The gateway that was there divided the slots without the one that comes: for a second or two it knows of no other.
  it('one that others use: give it one call too many at most, and have their part of the slots soon', async () => {
    const { served, come, end } = crowds('phi3')
    try {
      come(0)
      await eventually(() => expect(served[0]).toBeGreaterThan(2 * SLOTS), { timeoutMs: 60_000 })
      come(1)
      await eventually(() => expect(served[1]).toBeGreaterThan(2 * SLOTS), { timeoutMs: 60_000 })
      expect(most('shared')).toBeGreaterThanOrEqual(SLOTS)
      expect(most('shared')).toBeLessThanOrEqual(SLOTS + 1)
    } finally {
      await end()
    }
  }, 150_000)

  it('one that nobody uses, both at the same moment: likewise', async () => {
    const { served, come, end } = crowds('llama3.2')
    try {
      come(0)
      come(1)
      await eventually(() => expect(Math.min(...served)).toBeGreaterThan(2 * SLOTS), { timeoutMs: 60_000 })
      expect(most('idle')).toBeGreaterThanOrEqual(SLOTS)
      expect(most('idle')).toBeLessThanOrEqual(SLOTS + 1)
    } finally {
      await end()
    }
  }, 150_000)
})
