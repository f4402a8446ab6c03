import { processLogger } from '../../libs/platform/logging'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!

/** A router that breaks off before it told its cost is asked for it afterwards, by the worker. */
describe('what a broken call cost at OpenRouter', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [{ name: 'router', region: 'us-east', dialect: 'openrouter', models: ['acme/wide'], defaults: { gap: 5 } }],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_IDLE_TIMEOUT_MS: '300' },
    })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(() => stack.sandbox.host('router').reset())
  afterAll(() => stack?.stop())

  const asked = () => stack.sandbox.host('router').log().filter(({ path }) => path.endsWith('/generation')).length
  const costOf = async (rid: string) => (await stack.owner.query<{ outcome: string; cost: string | null }>('SELECT outcome, cost_pico::text AS cost FROM provider_cost WHERE rid = $1', [rid])).rows
  const generations = async (rid: string) => (await stack.owner.query('SELECT tries, due_at IS NULL AS "isDone", cost_pico::text AS cost, completion_tokens::int AS completion FROM generation WHERE rid = $1', [rid])).rows
  /** The pauses between questions are what the store's spec is about. */
  const bringForward = () => stack.owner.query('UPDATE generation SET due_at = now() WHERE due_at IS NOT NULL')

  async function ask(behaviour: string, leavesAfter = Infinity): Promise<string> {
    await stack.sandbox.host('router').set(behaviour)
    const leaving = new AbortController()
    const response = await fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', signal: leaving.signal, headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'acme/wide', messages: [{ role: 'user', content: 'one two' }], stream: true }) })
    const rid = response.headers.get('x-request-id')!
    let seen = 0
    const read = async () => {
      for await (const chunk of response.body!) if ((seen += chunk.length) > leavesAfter) leaving.abort()
    }
    await read().catch(() => undefined)
    await usageRow(stack.owner, rid)
    return rid
  }

  it.each([
    ['reset-mid;cost=0.0007', Infinity, '700000000'],
    ['hang-mid;cost=0.0008', Infinity, '800000000'],
    ['eof-mid;cost=0.0009', Infinity, '900000000'],
    ['err-event-r;cost=0.001', Infinity, '1000000000'],
    ['endless;cost=0.002', 2_000, '2000000000'],
    ['ok;words=400;gap=10;cost=0.003', 2_000, '3000000000'],
    ['no-usage;cost=0.004', Infinity, '4000000000'],
    ['reset-mid;cost=0.005;header=0', Infinity, '5000000000'],
    ['ok;words=400;gap=10;cost=0.006;header=0', 2_000, '6000000000'],
  ])('%s: it is asked for and booked to the digit, in the books of all calls', async (behaviour, leavesAfter, cost) => {
    const rid = await ask(behaviour, leavesAfter)
    expect([await costOf(rid), await generations(rid)]).toEqual([[expect.not.objectContaining({ cost })], [{ tries: 0, isDone: false, cost: null, completion: null }]])
    await bringForward()
    await eventually(async () => expect(await costOf(rid)).toEqual([expect.objectContaining({ cost })]), { timeoutMs: 15_000 })
    expect(await generations(rid)).toEqual([{ tries: 1, isDone: true, cost, completion: expect.any(Number) }])
    const { rows } = await stack.owner.query(`SELECT (SELECT sum(provider_cost_pico)::text FROM usage_daily) AS rollup, (SELECT sum(coalesce(cost_pico, 0))::text FROM provider_cost) AS attempts`)
    expect(rows[0].rollup).toBe(rows[0].attempts)
  })

  it.each(['ok', 'ok-cached'])('%s: a call that told it is not asked about', async (behaviour) => {
    const rid = await ask(behaviour)
    expect([await costOf(rid), await generations(rid), asked()]).toEqual([[{ outcome: 'completed', cost: '423000000' }], [], 0])
  })

  it('a router that does not know yet is asked again; one that never will, six times, and the log says so', async () => {
    const told = jest.spyOn(processLogger('silent'), 'warn')
    const rid = await ask('reset-mid;lag=3600000')
    for (let tries = 1; tries <= 6; tries++) {
      expect(told.mock.calls.filter(([fields]) => (fields as { rid?: string }).rid === rid)).toEqual([])
      await bringForward()
      await eventually(async () => expect(await generations(rid)).toMatchObject([{ tries }]), { timeoutMs: 15_000 })
      await eventually(() => expect(asked()).toBe(tries))
    }
    await eventually(async () => expect(await generations(rid)).toEqual([{ tries: 6, isDone: true, cost: null, completion: null }]))
    await eventually(() => expect(told.mock.calls.filter(([fields]) => (fields as { rid?: string }).rid === rid)).toEqual([[expect.objectContaining({ host: 'router', attempt: 1, reason: 'http 404' }), 'what an attempt cost was never told: the estimate stays']]))
    await bringForward()
    expect(asked()).toBe(6)
  })
})
