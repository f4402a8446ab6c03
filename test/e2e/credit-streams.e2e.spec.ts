import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { sumsOf } from '../support/books'
import { mostPico } from './money-fixture'

const OUTPUT_PICO = 2_000_000n
const WANTED = 3_000
const STREAM = { message: 'one two three', model: 'phi3', max_tokens: WANTED, stream: true }

interface End {
  readonly status: number
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- last events of every surface
  readonly last: any
}

describe.each(redisTargets())('streams near the end of the money on $kind', ({ url: redisUrl }) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ redisUrl, gateways: 2, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3'], defaults: { gap: 0 } }, { name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['llama3.2'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
  })
  beforeEach(async () => {
    for (const host of stack.sandbox.hosts) {
      await host.reset()
      await host.set('ok;words=2500;gap=0')
    }
  })
  afterAll(() => stack.stop())

  /** A stream to its end; `last` is the last event but `[DONE]`. */
  async function stream(tenant: SeededTenant, body: object = STREAM, path = '/chat', gateway = 0): Promise<End> {
    const response = await fetch(stack.urls[gateway] + path, { method: 'POST', headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const text = await response.text()
    const events = text.split('\n').filter((line) => /^(data: )?\{/.test(line))
    return { status: response.status, text, last: JSON.parse(events.at(-1)!.replace('data: ', '')) }
  }
  const spentOf = async (tenant: SeededTenant) => {
    await stack.settled()
    return BigInt((await sumsOf(stack.owner, tenant.id)).ledger)
  }
  /** What is left for so many tokens of output after the body's own bound. */
  const roomFor = (tokens: number, body: object = STREAM) => mostPico(body, tokens)

  it('are let in with the answer that is left, end with length, and say which budget made it short', async () => {
    const budgetPico = roomFor(120) + OUTPUT_PICO - 1n
    const tenant = await stack.addTenant({ tier: 'enterprise', key: { budgetPico } })
    const { status, text, last } = await stream(tenant)
    expect(status).toBe(200)
    expect(last).toMatchObject({ done: true, finish_reason: 'length', usage: { completion_tokens: 120 } })
    expect(last.warnings).toContain('the answer was limited to 120 tokens: what is left of the budget (API key) covers no more')
    expect(text).toMatch(/\[DONE\]\s*$/)
    expect(await spentOf(tenant)).toBeLessThanOrEqual(budgetPico)
    const again = await stream(tenant)
    expect(again).toMatchObject({ status: 429, last: { code: 'budget_exceeded', rule: 'API key' } })
  })

  it.each([
    [64, 200],
    [63, 429],
  ])('with room for %i tokens are answered %i', async (tokens, status) => {
    const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico: roomFor(tokens) })
    expect((await stream(tenant)).status).toBe(status)
  })

  it('are not shortened while all fits, and calls that do not stream are refused as ever', async () => {
    const body = { ...STREAM, max_tokens: 200 }
    const enough = await stack.addTenant({ tier: 'enterprise', budgetPico: roomFor(200, body) })
    const { last } = await stream(enough, body)
    expect(last).toMatchObject({ finish_reason: 'length', usage: { completion_tokens: 200 } })
    expect(JSON.stringify(last.warnings ?? [])).not.toContain('what is left')
    const whole = { ...STREAM, stream: false }
    const short = await stack.addTenant({ tier: 'enterprise', budgetPico: roomFor(1_000, whole) })
    expect((await stream(short, whole)).status).toBe(429)
    expect(await spentOf(short)).toBe(0n)
  })

  it('go by the tightest of several budgets, whichever Redis names first', async () => {
    for (const [tenantTokens, keyTokens] of [[300, 100], [100, 300]] as const) {
      const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico: roomFor(tenantTokens), key: { budgetPico: roomFor(keyTokens) } })
      expect((await stream(tenant)).last).toMatchObject({ finish_reason: 'length', usage: { completion_tokens: 100 } })
    }
  })

  it('go by prepaid credit as by any budget', async () => {
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`INSERT INTO credit_grant (tenant_id, id, amount_pico, reason, granted_by, granted_at) VALUES ($1, $1, $2, 'paid', $1, now())`, [tenant.id, roomFor(80).toString()])
    await stack.owner.query(`UPDATE tenant SET billing = 'prepaid' WHERE id = $1`, [tenant.id])
    const { last } = await stream(tenant)
    expect(last).toMatchObject({ finish_reason: 'length', usage: { completion_tokens: 80 } })
    expect(last.warnings).toContain('the answer was limited to 80 tokens: what is left of the budget (prepaid credit) covers no more')
    expect(await stream(tenant)).toMatchObject({ status: 402, last: { code: 'insufficient_credit', resets_at: null } })
  })

  it.each<[string, object, (text: string, last: any) => [string | undefined, string[] | undefined]]>([
    ['/v1/chat/completions', { model: 'llama3.2', messages: [{ role: 'user', content: 'one two' }], max_tokens: WANTED, stream: true }, (_text, last) => [last.choices[0].finish_reason, last.warnings]],
    ['/v1/completions', { model: 'llama3.2', prompt: 'one two', max_tokens: WANTED, stream: true }, (_text, last) => [last.choices[0].finish_reason, last.warnings]],
    ['/v1/responses', { model: 'llama3.2', input: 'one two', max_output_tokens: WANTED, stream: true }, (_text, last) => [last.response.incomplete_details?.reason === 'max_output_tokens' ? 'length' : last.type, last.response.warnings]],
    ['/api/chat', { model: 'llama3.2', messages: [{ role: 'user', content: 'one two' }], options: { num_predict: WANTED } }, (_text, last) => [last.done_reason, last.warnings]],
  ])('on %s end with length and the same words', async (path, body, endOf) => {
    const budgetPico = roomFor(90, body)
    const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico })
    const { status, text, last } = await stream(tenant, body, path)
    expect([status, text.slice(0, 200)]).toEqual([200, expect.any(String)])
    const [reason, warnings] = endOf(text, last)
    expect(reason).toBe('length')
    expect(warnings).toContain('the answer was limited to 90 tokens: what is left of the budget (tenant budget) covers no more')
    expect(await spentOf(tenant)).toBeLessThanOrEqual(budgetPico)
  })

  it('never pass the budget, however many run at once over both gateways', async () => {
    for (const tokens of [70, 130, 500, 1_900]) {
      const budgetPico = roomFor(tokens) + roomFor(64) * 2n
      const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico })
      const ends = await Promise.all(Array.from({ length: 12 }, (_, i) => stream(tenant, STREAM, '/chat', i % 2)))
      expect(ends.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
      for (const { status, last } of ends) expect(status === 200 ? last.done : last.code).toBe(status === 200 ? true : 'budget_exceeded')
      const spent = await spentOf(tenant)
      expect(spent).toBeGreaterThan(0n)
      expect(spent).toBeLessThanOrEqual(budgetPico)
    }
  })

  it('never pass it where an upstream takes no notice of max_tokens: each is cut at its last token, and billed that', async () => {
    await stack.sandbox.host('openai-eu').set('endless')
    const body = { message: 'one two three', model: 'llama3.2', max_tokens: 80, stream: true }
    const budgetPico = roomFor(80, body) * 3n + roomFor(64, body)
    const tenant = await stack.addTenant({ tier: 'enterprise', budgetPico })
    const ends = await Promise.all(Array.from({ length: 12 }, (_, i) => stream(tenant, body, '/chat', i % 2)))
    const served = ends.filter(({ status }) => status === 200)
    expect(served.length).toBeGreaterThanOrEqual(3)
    for (const { last } of served) {
      expect(last).toMatchObject({ done: true, finish_reason: 'length' })
      expect(last.usage.completion_tokens).toBeLessThanOrEqual(80)
    }
    const spent = await spentOf(tenant)
    expect(spent).toBeLessThanOrEqual(budgetPico)
    expect(spent).toBeGreaterThanOrEqual(3n * 64n * OUTPUT_PICO)
    const { rows } = await stack.owner.query('SELECT max(completion_tokens)::int AS most FROM usage WHERE tenant_id = $1', [tenant.id])
    expect(rows[0].most).toBe(80)
  })
})
