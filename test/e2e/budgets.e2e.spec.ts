import { CatalogService } from '../../libs/catalog'
import { decimalFromPico } from '../../libs/kernel'
import { TiersService } from '../../libs/tiers'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually, redisTargets, startStack, type Stack } from '../support'
import { mostPico } from './money-fixture'

const redisUrl = redisTargets().at(-1)!.url
const BODY = { message: 'one two three', model: 'phi3', max_tokens: 5 }
const MOST = mostPico(BODY, 5)
/** What BODY costs: six tokens in, five out. */
const COST = 6n * 1_000_000n + 5n * 2_000_000n
/** Asks for more than is left. */
const LONG = { ...BODY, max_tokens: 2_000 }
const ZONE = 'Asia/Kathmandu'
const HARD = decimalFromPico(MOST * 3n)

/** Who a budget is of, and over what time it is counted. */
type Whose = 'tier' | 'tenant' | 'project' | 'key'
const CASES: [Whose, 'day' | 'week' | 'month'][] = [['tier', 'month'], ['tenant', 'day'], ['project', 'week'], ['key', 'month'], ['key', 'day']]

describe('a budget', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let count = 0

  beforeAll(async () => {
    stack = await startStack({ redisUrl, gateways: 2, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'tinyllama'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await stack.owner.query(`UPDATE model SET is_free = true WHERE name = 'tinyllama'`)
    await stack.owner.query(
      `INSERT INTO tier (slug, version, name, models, max_output_tokens, max_budget_pico, soft_budget_pico, budget_duration, default_model)
       VALUES ('hard', 1, 'Hard', '{*}', 4000, $1, NULL, 'month', 'phi3'), ('soft', 1, 'Soft', '{*}', 4000, NULL, 1, 'month', 'phi3')`,
      [String(MOST * 3n)],
    )
    for (const gateway of stack.gateways) {
      await gateway.get(CatalogService).refresh()
      await gateway.get(TiersService).refresh()
    }
    admin = await startAdmin({ TOLLGATE_KEY_PEPPER: stack.config.TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('owner')
  })
  afterEach(() => stack.sandbox.host('ollama-us').reset())
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const make = async (path: string, body: object) => {
    const reply = await admin.call('POST', `/admin/tenants${path}`, { token, body })
    expect([reply.status, reply.body.code]).toEqual([201, undefined])
    return reply.body
  }
  /** A tenant in Kathmandu whose key is bound to a project; one of them has the budget. */
  async function tenantWith(whose: Whose, budget: Record<string, string>, tier = 'enterprise'): Promise<{ id: string; slug: string; key: string; scope: string; rule: string }> {
    const slug = `b-${++count}`
    const of = (one: Whose) => (one === whose ? budget : {})
    const { id } = await make('', { slug, name: slug, tier, home_region: 'us-east', time_zone: ZONE, ...of('tenant') })
    const project = await make(`/${slug}/projects`, { slug: 'lab', name: 'Lab', ...of('project') })
    const key = await make(`/${slug}/keys`, { name: 'k', project: 'lab', ...of('key') })
    const [scope, rule] = { tier: ['tenant', `${tier} tier`], tenant: ['tenant', 'tenant budget'], project: [`project:${project.id}`, 'project lab'], key: [`key:${key.id}`, 'API key'] }[whose] as [string, string]
    return { id, slug, key: key.key, scope, rule }
  }
  const ask = async (key: string, body: object = BODY, gateway = 0) => {
    const response = await fetch(`${stack.urls[gateway]}/chat`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  /** Start and end of a local day, week or month, as Postgres computes them and none of our code. */
  const boundsOf = async (duration: string) => {
    const { rows } = await stack.owner.query(
      `SELECT date_trunc($1, now() AT TIME ZONE $2) AT TIME ZONE $2 AS starts, (date_trunc($1, now() AT TIME ZONE $2) + ('1 ' || $1)::interval) AT TIME ZONE $2 AS ends`,
      [duration, ZONE],
    )
    return rows[0] as { starts: Date; ends: Date }
  }
  const rowsOf = async (tenantId: string, scope: string) => (await stack.owner.query('SELECT period, starts_at, ends_at, spent_pico::text AS spent FROM budget_period WHERE tenant_id = $1 AND scope = $2', [tenantId, scope])).rows

  it.each(CASES)('of a %s, a %s long, refuses what does not fit beside what runs: it names rule, limit, used, reserved and the local midnight it resets at', async (whose, duration) => {
    const tenant = await tenantWith(whose, { max_budget: HARD, budget_duration: duration }, whose === 'tier' ? 'hard' : 'enterprise')
    expect((await ask(tenant.key)).status).toBe(200)
    await stack.settled()
    await stack.sandbox.host('ollama-us').set('ok;words=5;delay=4000')
    const running = ask(tenant.key)
    await eventually(() => expect(stack.sandbox.host('ollama-us').stats().active).toBe(1))
    const { starts, ends } = await boundsOf(duration)
    const refused = await ask(tenant.key, LONG, 1)
    expect(refused.status).toBe(429)
    expect(refused.body).toMatchObject({
      code: 'budget_exceeded', rule: tenant.rule, limit: HARD, used: decimalFromPico(COST), reserved: decimalFromPico(MOST), requested: decimalFromPico(mostPico(LONG, 2_000)), currency: 'USD', period: expect.stringMatching(`^${duration}:`), resets_at: ends.toISOString(),
    })
    for (const part of [tenant.rule, HARD, `Used ${decimalFromPico(COST)}`, `reserved ${decimalFromPico(MOST)}`, `per ${duration}`, ends.toISOString()]) expect(refused.body.error).toContain(part)
    expect((await running).status).toBe(200)
    await stack.settled()
    expect(await rowsOf(tenant.id, tenant.scope)).toEqual([{ period: refused.body.period, starts_at: starts, ends_at: ends, spent: String(COST * 2n) }])
  }, 60_000)

  it.each(CASES)('of a %s, a %s long, leaves free models usable when the money is gone', async (whose, duration) => {
    const tenant = await tenantWith(whose, { max_budget: HARD, budget_duration: duration }, whose === 'tier' ? 'hard' : 'enterprise')
    await eventually(async () => expect((await ask(tenant.key)).status).toBe(429), { timeoutMs: 20_000 })
    for (const gateway of [0, 1]) expect([(await ask(tenant.key, BODY, gateway)).status, (await ask(tenant.key, { ...LONG, model: 'tinyllama' }, gateway)).status]).toEqual([429, 200])
  }, 60_000)

  it.each(['tier', 'tenant', 'project', 'key'] as const)('that is soft, of a %s, is counted and refuses nothing', async (whose) => {
    const tenant = await tenantWith(whose, { soft_budget: decimalFromPico(1n) }, whose === 'tier' ? 'soft' : 'enterprise')
    expect(await Promise.all(Array.from({ length: 6 }, async (_, i) => (await ask(tenant.key, LONG, i % 2)).status))).toEqual(Array(6).fill(200))
    await stack.settled()
    const [row] = await rowsOf(tenant.id, tenant.scope)
    expect(BigInt(row.spent)).toBeGreaterThan(COST)
  })

  it('that is used up is not opened again by a change of time zone: that counts from the next period', async () => {
    const tenant = await tenantWith('tenant', { max_budget: HARD, budget_duration: 'day' })
    await eventually(async () => expect((await ask(tenant.key)).status).toBe(429), { timeoutMs: 20_000 })
    const before = (await ask(tenant.key)).body
    // At any moment one of these is in another day.
    for (const zone of ['Pacific/Kiritimati', 'Pacific/Midway', 'UTC']) {
      expect((await admin.call('PATCH', `/admin/tenants/${tenant.slug}`, { token, body: { time_zone: zone } })).body.time_zone).toBe(zone)
      for (const gateway of [0, 1]) expect((await ask(tenant.key, BODY, gateway)).body).toMatchObject({ code: 'budget_exceeded', period: before.period, resets_at: before.resets_at })
    }
    expect(await rowsOf(tenant.id, 'tenant')).toHaveLength(1)
    const { rows } = await stack.owner.query('SELECT former_zones AS zones FROM tenant WHERE id = $1', [tenant.id])
    expect(rows[0].zones.map(({ zone }: { zone: string }) => zone)).toEqual([ZONE, 'Pacific/Kiritimati', 'Pacific/Midway'])
    await stack.owner.query(`UPDATE tenant SET former_zones = '[]' WHERE id = $1`, [tenant.id])
    expect((await stack.owner.query('SELECT jsonb_array_length(former_zones) AS kept FROM tenant WHERE id = $1', [tenant.id])).rows[0].kept).toBe(3)
  }, 60_000)
})
