import { TiersService } from '../../libs/tiers'
import { documented, redisTargets, startStack, type SeededTenant, type Stack } from '../support'

// oxlint-disable-next-line typescript/no-explicit-any -- bodies as a client sees them
type Body = any

describe.each(redisTargets())('what is left, and what is spent, on $kind', ({ url: redisUrl }) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await stack.owner.query(`INSERT INTO tier (slug, version, name, models, rpm_limit, tpm_limit, max_parallel_requests, max_output_tokens, default_model, max_budget_pico) VALUES ('four', 1, 'Four', '{*}', 4, 5000, 2, 1000, 'llama3.2', 7000000000000)`)
    for (const gateway of stack.gateways) await gateway.get(TiersService).refresh()
  })
  afterAll(() => stack?.stop())

  const read = async (path: string, { key }: SeededTenant): Promise<{ status: number; body: Body }> => {
    const response = await documented('GET', await fetch(stack.url + path, { headers: { authorization: `Bearer ${key}` } }))
    return { status: response.status, body: await response.json() }
  }
  const chat = (tenant: SeededTenant) => stack.post('/chat', tenant.key, { message: 'one two', max_tokens: 20 })

  it('tells limits as the next admission would find them, and never refuses for what is used up', async () => {
    const [tenant, second] = [await stack.addTenant({ tier: 'four', key: { rpm: 10 } }), await stack.addTenant()]
    // A second key of the same tenant.
    await stack.owner.query('UPDATE api_key SET tenant_id = $1 WHERE id = $2', [tenant.id, second.keyId])
    const before = await read('/v1/limits', tenant)
    expect(before).toMatchObject({ status: 200, body: { tier: 'four', regions: expect.arrayContaining(['us-east']), max_output_tokens: 1000, currency: 'USD' } })
    const idle = { limit: 4, used: 0, remaining: 4 }
    expect(before.body.limits).toEqual([
      { rule: 'four tier', requests_per_minute: idle, tokens_per_minute: { limit: 5000, used: 0, remaining: 5000 }, max_parallel_requests: 2 },
      { rule: 'API key', requests_per_minute: { limit: 10, used: 0, remaining: 10 }, tokens_per_minute: null, max_parallel_requests: null },
    ])
    const answers: Body[] = []
    for (let i = 0; i < 5; i++) answers.push(await chat(i === 3 ? second : tenant))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429])
    const { limits } = (await read('/v1/limits', tenant)).body
    expect(limits.map(({ requests_per_minute }: Body) => requests_per_minute)).toEqual([{ limit: 4, used: 4, remaining: 0 }, { limit: 10, used: 3, remaining: 7 }])
    const served = await Promise.all(answers.slice(0, 4).map((answer) => answer.json()))
    const tokens = served.reduce((sum, { usage }) => sum + usage.total_tokens, 0)
    expect(limits[0].tokens_per_minute).toEqual({ limit: 5000, used: tokens, remaining: 5000 - tokens })
  })

  it('tells budgets and spend to the digit of the cost report, and another tenant its own', async () => {
    const [tenant, other] = [await stack.addTenant({ tier: 'four', key: { budgetPico: 3_000_000_000_000n } }), await stack.addTenant({ tier: 'four' })]
    await Promise.all([chat(tenant), chat(tenant)])
    await stack.settled()
    const [{ body: usage }, { body: report }] = [await read('/v1/usage', tenant), await read('/cost-report', tenant)]
    expect(usage.today).toMatchObject({ ...report.total, total_requests: 2 })
    expect(usage.period).toMatchObject(report.total)
    const left = (limit: number) => (limit - Number(report.total.cost)).toFixed(12)
    expect(usage.budgets.map(({ scope, limit, used, reserved, remaining }: Body) => [scope.split(':')[0], limit, used, reserved, Number(remaining).toFixed(12)])).toEqual([
      ['tenant', '7', report.total.cost, '0', left(7)],
      ['key', '3', report.total.cost, '0', left(3)],
    ])
    expect(Date.parse(usage.budgets[0].resets_at)).toBe(Date.parse(usage.period.to))
    expect((await read('/v1/limits', tenant)).body.budgets).toEqual(usage.budgets)
    expect((await read('/v1/usage', other)).body).toMatchObject({ today: { total_requests: 0, cost: '0' }, budgets: [{ scope: 'tenant', used: '0' }] })
  })

  it('reads the caller again that has changed, and lets in no key that may not read reports', async () => {
    const [tenant, talker] = [await stack.addTenant({ tier: 'four' }), await stack.addTenant({ tier: 'four' })]
    await read('/v1/limits', tenant)
    await stack.owner.query(`UPDATE tenant SET max_budget_pico = 2000000000000, auth_epoch = auth_epoch + 1 WHERE id = $1`, [tenant.id])
    const [{ auth_epoch: epoch, bucket }] = (await stack.owner.query('SELECT auth_epoch, bucket FROM tenant WHERE id = $1', [tenant.id])).rows
    const { LimitsService } = await import('../../libs/limits')
    await stack.gateways[0]!.get(LimitsService, { strict: false }).raiseEpoch(bucket, tenant.id, Number(epoch))
    expect((await read('/v1/limits', tenant)).body.budgets[0]).toMatchObject({ rule: 'tenant budget', limit: '2' })
    await stack.owner.query(`UPDATE api_key SET scopes = '{chat}' WHERE id = $1`, [talker.keyId])
    for (const path of ['/v1/limits', '/v1/usage']) expect((await read(path, talker)).status).toBe(403)
  })
})
