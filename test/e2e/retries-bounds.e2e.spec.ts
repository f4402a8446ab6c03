import { CatalogService } from '../../libs/catalog'
import { systemTimer } from '../../libs/platform/clock'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!
/** Two times to a first byte and the shortest wait are more than the total; one and the longest wait are less. */
const TOTAL_MS = 6_000
const FIRST_BYTE_MS = 4_000
/** The longest that a host is waited for which asks for it (libs/routing/next-step.ts). */
const ASKED_S = 2

// The second leaves no room for what a host asks for.
describe.each([TOTAL_MS, 1_000 * ASKED_S])('a total time of %i ms for a call', (totalMs) => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: ['us-east', 'eu-west', 'asia-pacific'].map((region) => ({ name: region, region, dialect: 'ollama' as const, models: ['m'], defaults: { gap: 0 } })),
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_TOTAL_TIMEOUT_MS: String(totalMs), TOLLGATE_FIRST_BYTE_TIMEOUT_MS: String(FIRST_BYTE_MS) },
    })
    await stack.owner.query(`UPDATE model SET retry_ambiguous = true WHERE name = 'm'`)
    await stack.gateways[0]!.get(CatalogService, { strict: false }).refresh()
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(async () => {
    jest.restoreAllMocks()
    // A connection that was left hanging must not serve the next case.
    for (const host of stack.sandbox.hosts) {
      await host.stop()
      await host.reset()
    }
  })
  afterAll(() => stack.stop())

  const attemptsOf = async () => {
    const response = await stack.post('/chat', tenant.key, { model: 'm', message: 'one two', stream: true })
    await response.text()
    await usageRow(stack.owner, response.headers.get('x-request-id')!)
    const { rows } = await stack.owner.query('SELECT outcome, duration_ms FROM provider_cost WHERE rid = $1 ORDER BY attempt', [response.headers.get('x-request-id')])
    return { status: response.status, rows: rows as { outcome: string; duration_ms: number }[] }
  }

  if (totalMs !== TOTAL_MS) {
    it('leaves no room for a wait that would end after it', async () => {
      const waitsMs: number[] = []
      jest.spyOn(systemTimer, 'wait').mockImplementation(async (ms) => void waitsMs.push(ms))
      for (const host of stack.sandbox.hosts) await host.set(`rate;seconds=${ASKED_S}`)
      const { status, rows } = await attemptsOf()
      expect([status, rows.length, waitsMs]).toEqual([503, 1, []])
      await atRest(redisUrl)
    })
    return
  }

  it('is of all its attempts together: the second has what the first left', async () => {
    for (const host of stack.sandbox.hosts) await host.set('hang-headers')
    const { status, rows } = await attemptsOf()
    expect(status).toBe(504)
    expect(rows.map(({ outcome }) => outcome)).toEqual(['ambiguous: first byte timeout', 'ambiguous: total timeout'])
    expect(rows[0]!.duration_ms + rows[1]!.duration_ms).toBeLessThan(2 * FIRST_BYTE_MS)
    await atRest(redisUrl)
  })

  it('a client that leaves while its call waits for a retry ends it: no other host is asked', async () => {
    const leave = new AbortController()
    jest.spyOn(systemTimer, 'wait').mockImplementation((_ms, signal) => {
      leave.abort()
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    })
    for (const host of stack.sandbox.hosts) await host.set('busy')
    const call = fetch(`${stack.url}/chat`, { method: 'POST', signal: leave.signal, headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', message: 'one two' }) })
    await expect(call).rejects.toThrow()
    await atRest(redisUrl)
    expect(stack.sandbox.hosts.reduce((sum, host) => sum + host.stats().requests, 0)).toBe(1)
  })
})

describe('one reservation covers every attempt', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({
      redisUrl,
      hosts: [
        { name: 'cheap', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 0 } },
        { name: 'dear', region: 'us-east', dialect: 'openai', models: ['llama3.2'], defaults: { gap: 0 } },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    await stack.owner.query(`INSERT INTO price (id, model, provider, effective_at, currency, input_pico, output_pico, source) VALUES ('019a0000-0000-7000-8000-0000000000d1', 'llama3.2', 'openai', '2026-01-01', 'USD', 1000000, 200000000, 'spec')`)
    await stack.gateways[0]!.get(CatalogService, { strict: false }).refresh()
    await stack.sandbox.host('cheap').set('rate;seconds=7')
  })
  afterAll(() => stack.stop())

  it.each([
    ['all of them', null, 200, [['cheap', 'refused'], ['dear', 'completed']]],
    ['the cheap host alone', 1_000_000_000n, 503, [['cheap', 'refused']]],
    ['none of them', 1_000_000n, 429, []],
  ] as const)('what is left pays for %s', async (_name, budgetPico, status, attempts) => {
    const tenant = await stack.addTenant({ tier: 'standard', ...(budgetPico === null ? {} : { budgetPico }) })
    const response = await stack.post('/chat', tenant.key, { model: 'llama3.2', message: 'one two', max_tokens: 100 })
    const body = await response.text()
    expect({ status: response.status, body }).toEqual({ status, body: expect.anything() })
    await stack.settled()
    const { rows } = await stack.owner.query('SELECT host, split_part(outcome, $2, 1) AS outcome FROM provider_cost WHERE rid = $1 ORDER BY attempt', [response.headers.get('x-request-id'), ':'])
    expect(rows.map(({ host, outcome }) => [host, outcome])).toEqual(attempts)
    await atRest(redisUrl)
  })
})
