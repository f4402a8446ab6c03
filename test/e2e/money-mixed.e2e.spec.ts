import { picoFromDecimal } from '../../libs/kernel'
import { eventually, startStack, type SeededTenant, type Stack } from '../support'
import { AT_REST, restOf, sumsOf, yesterday } from '../support/books'
import { drive, mixedCalls, MODELS, type Outcome } from '../support/traffic'
import { quietHosts, UpstreamTruth } from '../support/upstream-truth'
import { judge, printVerdict } from '../support/verdict'
import { moneyRedises } from './money-fixture'

/** Change it to draw other traffic; the same seed draws the same calls. */
const SEED = 20_261_121
const HOSTS = [
  { name: 'ollama-us', region: 'us-east', dialect: 'ollama' as const, models: MODELS, defaults: { gap: 1 } },
  { name: 'ollama-eu', region: 'eu-west', dialect: 'ollama' as const, models: MODELS, defaults: { gap: 1 } },
  { name: 'openai-us', region: 'us-east', dialect: 'openai' as const, models: MODELS, defaults: { gap: 1 } },
  { name: 'openai-eu', region: 'eu-west', dialect: 'openai' as const, models: MODELS, defaults: { gap: 1 } },
]

describe.each(moneyRedises())('mixed traffic with faults and clients that leave, on $name', (redis) => {
  const count = redis.isOutbox ? 1_000 : 200
  const truth = new UpstreamTruth()
  let stack: Stack
  let tenants: SeededTenant[]
  let redisUrl: string
  let close: () => Promise<void>
  let outcomes: Outcome[]

  beforeAll(async () => {
    const server = await redis.start()
    redisUrl = server.url
    close = server.stop
    // Discovery would forget the models that stand for faults.
    stack = await startStack({ redisUrl, gateways: 2, hosts: HOSTS, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    tenants = await Promise.all([stack.addTenant({ tier: 'enterprise' }), stack.addTenant({ tier: 'enterprise', homeRegion: 'eu-west', budgetPico: 10n ** 15n }), stack.addTenant({ tier: 'enterprise', key: { budgetPico: 10n ** 15n, tpm: 10_000_000 } })])
    outcomes = await drive(mixedCalls(SEED, count), 24, (index) => stack.urls[index % 2]!, tenants)
    await eventually(() => quietHosts(stack.sandbox))
    await stack.settled()
    await eventually(async () => expect(await restOf(redisUrl, stack.owner)).toEqual(AT_REST), { timeoutMs: 10_000 })
    truth.read(stack.sandbox.hosts)
  }, 120_000)
  afterAll(async () => {
    await stack?.stop()
    await close()
  })

  it('every completed call is billed exactly what its upstream counted; no other call more than was made for it', async () => {
    const { verdict, examples } = await judge(outcomes, truth, stack.owner, tenants)
    printVerdict(redis.name, SEED, verdict)
    expect(examples).toEqual([])
    expect(verdict).toMatchObject({ calls: count, completed: verdict.equal, lost: 0, doubled: 0, over: 0, unrecorded: 0 })
    expect(verdict.completed).toBeGreaterThan(count * 0.85)
    expect(verdict.completed).toBeLessThan(count)
  })

  it('usage, ledger, both rollups and the cost report are one and the same sum', async () => {
    for (const tenant of tenants) {
      const { usage, ledger, hourly, daily } = await sumsOf(stack.owner, tenant.id)
      expect(BigInt(ledger)).toBeGreaterThan(0n)
      expect([usage, hourly, daily]).toEqual([ledger, ledger, ledger])
      const reports = await Promise.all(['model,host', 'hour,provider', 'day,region,api_key'].map(async (groups) => (await fetch(`${stack.url}/cost-report?from=${yesterday()}&group_by=${groups}`, { headers: { 'x-api-key': tenant.key } })).json() as Promise<{ total: { cost: string }; groups: { cost: string }[] }>))
      for (const { total, groups } of reports) {
        expect(picoFromDecimal(total.cost)).toBe(BigInt(ledger))
        expect(groups.reduce((sum, { cost }) => sum + picoFromDecimal(cost)!, 0n)).toBe(BigInt(ledger))
      }
    }
  })

  it('at rest nothing is reserved, unconfirmed, in flight, leased or queued, and Redis confirms what Postgres spent', async () => {
    expect(await restOf(redisUrl, stack.owner)).toEqual(AT_REST)
  })
})
