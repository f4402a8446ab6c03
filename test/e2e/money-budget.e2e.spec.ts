import { decimalFromPico } from '../../libs/kernel'
import { CatalogService } from '../../libs/catalog'
import { eventually, startStack, type SeededTenant, type Stack } from '../support'
import { AT_REST, restOf, sumsOf } from '../support/books'
import { moneyRedises, mostPico } from './money-fixture'

const MAX_TOKENS = 5
const BODY = { message: 'one two three', model: 'phi3', max_tokens: MAX_TOKENS }
/** What BODY really costs: three words and a message of three tokens, five tokens of output. */
const COST = 6n * 1_000_000n + 5n * 2_000_000n

interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

describe.each(moneyRedises())('a budget for a hundred of five hundred calls, on $name', (redis) => {
  const calls = redis.isInProcess ? 100 : 500
  const fits = calls / 5
  let stack: Stack
  let close: () => Promise<void>
  let redisUrl: string

  beforeAll(async () => {
    const server = await redis.start()
    redisUrl = server.url
    close = server.stop
    // Slow enough that calls wait for each other: room that a finished call gave back may be used again.
    const hosts = [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama' as const, models: ['phi3', 'tinyllama'], defaults: { delay: 500, gap: 0 } }]
    // Without probes a host's count of running requests is the count of calls.
    stack = await startStack({ redisUrl, gateways: 3, hosts, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_REDIS_TIMEOUT_MS: '15000' } })
    await stack.owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ('019a0000-0000-7000-8000-0000000000aa', 'tinyllama', '2026-01-01', 'USD', 0, 2000000, 'test')`)
    for (const gateway of stack.gateways) await gateway.get(CatalogService).refresh()
  })
  afterAll(async () => {
    await stack.stop()
    await close()
  })

  /** All at once, round robin over the gateways. */
  function storm(tenant: SeededTenant, body: object, count = calls): Promise<Reply[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const response = await fetch(`${stack.urls[i % stack.urls.length]}/chat`, { method: 'POST', headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify(body) })
        return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> }
      }),
    )
  }

  async function expectBalanced(tenant: SeededTenant, served: number, eachPico: bigint, budgetPico: bigint): Promise<void> {
    await stack.settled()
    await eventually(async () => expect(await restOf(redisUrl, stack.owner)).toEqual(AT_REST), { timeoutMs: 10_000 })
    const { usage, ledger, hourly, daily } = await sumsOf(stack.owner, tenant.id)
    expect(BigInt(ledger)).toBe(BigInt(served) * eachPico)
    expect(BigInt(ledger)).toBeLessThanOrEqual(budgetPico)
    expect([usage, hourly, daily]).toEqual([ledger, ledger, ledger])
  }

  it(`while they run no more than fit by their upper bound are let in; the rest are told which budget, and not to retry`, async () => {
    const budgetPico = mostPico(BODY, MAX_TOKENS) * BigInt(fits)
    const tenant = await stack.addTenant({ tier: 'enterprise', key: { budgetPico } })
    await stack.sandbox.host('ollama-us').reset()
    const replies = await storm(tenant, BODY)
    const served = replies.filter(({ status }) => status === 200).length
    process.stderr.write(`${redis.name}: ${calls} calls, ${fits} fit, ${served} served, at most ${stack.sandbox.host('ollama-us').stats().peak} at once\n`)
    expect(stack.sandbox.host('ollama-us').stats().peak).toBeLessThanOrEqual(fits)
    expect(served).toBeGreaterThanOrEqual(fits - 2)
    for (const { status, headers, body } of replies.filter((reply) => reply.status !== 200)) {
      expect({ status, code: body.code, retry: headers.get('x-should-retry') }).toEqual({ status: 429, code: 'budget_exceeded', retry: 'false' })
      expect(body).toMatchObject({ rule: 'API key', limit: expect.stringMatching(/^0\.\d+$/), used: expect.stringMatching(/^[\d.]+$/), reserved: expect.stringMatching(/^[\d.]+$/), requested: expect.any(String), resets_at: expect.stringMatching(/T00:00:00\.000Z$/) })
    }
    await expectBalanced(tenant, served, COST, budgetPico)
  }, 180_000)

  it('when cost is all that was reserved, exactly as many are served as were paid for, then and later', async () => {
    const body = { ...BODY, model: 'tinyllama' }
    const eachPico = BigInt(MAX_TOKENS) * 2_000_000n
    const budgetPico = eachPico * BigInt(fits)
    const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico })
    const replies = await storm(tenant, body)
    const served = replies.filter(({ status }) => status === 200).length
    expect(served).toBeLessThanOrEqual(fits)
    expect(served).toBeGreaterThanOrEqual(fits - 2)
    expect(replies.filter(({ status, body: { code } }) => status !== 200 && code !== 'budget_exceeded')).toEqual([])
    await expectBalanced(tenant, served, eachPico, budgetPico)
    const later = await storm(tenant, body, 3)
    expect(later.map(({ status, body: { used } }) => [status, used])).toEqual(Array(3).fill([429, decimalFromPico(budgetPico)]))
  }, 180_000)

  it('a soft budget never refuses', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query('UPDATE tenant SET soft_budget_pico = 1 WHERE id = $1', [tenant.id])
    expect((await storm(tenant, BODY, 20)).map(({ status }) => status)).toEqual(Array(20).fill(200))
    await expectBalanced(tenant, 20, COST, COST * 20n)
  }, 180_000)
})
