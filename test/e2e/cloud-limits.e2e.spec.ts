import { setTimeout as after } from 'node:timers/promises'
import { HostsService } from '@tollgate/hosts'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

const CLIENTS = 40
const SLOW_MS = 3_000

describe('a cloud provider', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    const hosts = [
      { name: 'paced', region: 'us-east', dialect: 'openai' as const, models: ['paced-model'], defaults: { delay: 300, gap: 0, words: 1 } },
      { name: 'strict', region: 'us-east', dialect: 'openai' as const, models: ['strict-model'], defaults: { gap: 0, words: 1 } },
    ]
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    // No number of the operator's: the limit is found.
    await stack.owner.query('UPDATE host SET max_parallel = 1')
    await stack.gateways[0]!.get(HostsService).refresh()
    tenant = await stack.addTenant({ tier: 'enterprise' })
  }, 60_000)
  afterAll(() => stack.stop())

  it('whose first tokens come late is given fewer calls at once, and more again when they come as before', async () => {
    const host = stack.sandbox.host('paced')
    const calls = () => host.log().filter(({ path }) => path === '/v1/chat/completions')
    const running = () => calls().filter(({ ended_at }) => ended_at === null).length
    /** Calls of the last answer's time and a bit more, so that one moment between two waves of them does not count. */
    const mostOfLate = () => {
      const late = calls().filter(({ ended_at }) => (ended_at ?? Infinity) > Date.now() - SLOW_MS / 2)
      return Math.max(0, ...late.map(({ arrived_at: at }) => late.filter(({ arrived_at, ended_at }) => arrived_at <= at && (ended_at ?? Infinity) > at).length))
    }
    let isOver = false
    const client = async (): Promise<void> => {
      while (!isOver) {
        const reply = await stack.post('/chat', tenant.key, { message: 'hi', model: 'paced-model', max_tokens: 1, stream: true })
        await reply.text()
        if (!reply.ok) await after(200)
      }
    }
    const clients = Array.from({ length: CLIENTS }, client)
    try {
      await eventually(() => expect(running()).toBeGreaterThan(25), { timeoutMs: 30_000 })
      await eventually(() => expect(host.stats().completed).toBeGreaterThan(3 * CLIENTS), { timeoutMs: 30_000 })
      await host.set(`ok;delay=${SLOW_MS}`)
      const setAtMs = Date.now()
      const slow = () => calls().filter(({ arrived_at, ended_at }) => arrived_at > setAtMs && ended_at === null).length
      await eventually(() => expect(slow()).toBeGreaterThan(25), { timeoutMs: 30_000 })
      await eventually(() => expect(mostOfLate()).toBeLessThan(15), { timeoutMs: 60_000 })
      await host.set('ok')
      await eventually(() => expect(running()).toBeGreaterThan(25), { timeoutMs: 30_000 })
    } finally {
      isOver = true
      await Promise.all(clients)
    }
  }, 150_000)

  it('that refuses most calls is asked for few of them; the rest is refused here with what it asked for, until it takes them again', async () => {
    const host = stack.sandbox.host('strict')
    const asked = () => host.log().filter(({ path }) => path === '/v1/chat/completions').length
    const ask = () => stack.post('/chat', tenant.key, { message: 'hi', model: 'strict-model', max_tokens: 1 })
    const statuses = async (calls: number) => {
      const replies: { status: number; body: Record<string, unknown>; retryAfter: number; isOurs: boolean }[] = []
      for (let i = 0; i < calls; i++) {
        const before = asked()
        const reply = await ask()
        replies.push({ status: reply.status, body: (await reply.json()) as Record<string, unknown>, retryAfter: Number(reply.headers.get('retry-after')), isOurs: asked() === before })
      }
      return replies
    }
    await host.set('rate;seconds=30')
    const first = await statuses(10)
    expect(first.map(({ status, isOurs }) => [status, isOurs])).toEqual(Array(10).fill([503, false]))
    const refused = (await statuses(60)).filter(({ isOurs }) => isOurs)
    // A tenth of a chance in eleven and less, and a twentieth once there are twenty.
    expect(refused.length).toBeGreaterThan(40)
    for (const { status, body, retryAfter } of refused) {
      expect([status, body.code, body.error]).toEqual([503, 'model_not_available', 'Model strict-model not available'])
      expect(retryAfter).toBeGreaterThan(0)
      expect(retryAfter).toBeLessThanOrEqual(30)
    }
    await stack.settled()
    const { rows } = await stack.owner.query(`SELECT count(*)::int AS calls, sum(attempts)::int AS attempts, sum(amount_pico)::text AS pico FROM usage WHERE model = 'strict-model'`)
    expect(rows).toEqual([{ calls: 70, attempts: 70 - refused.length, pico: '0' }])
    await host.set('ok')
    // Soon, by calls that are taken; after two minutes, refusals are forgotten anyway.
    await eventually(async () => expect((await statuses(20)).map(({ status }) => status)).toEqual(Array(20).fill(200)), { timeoutMs: 150_000 })
  }, 240_000)
})
