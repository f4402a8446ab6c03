import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { picoFromDecimal } from '../../libs/kernel'
import { routingBacktest } from '../../apps/cli/src/commands/routing-backtest'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { startAdmin, type AdminApp } from './admin-app'

const PROMPTS = ['please debug this', 'write code', 'analyze the market', 'hi', 'hello there', `${'word '.repeat(25)}`]
const PERIOD = { from: '2026-01-01', to: '2027-01-01' }

describe('the back-test of a rule set', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2', 'codellama:13b'] }] })
    // A dear model, so that the cost tells where a call went.
    await stack.owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES (gen_random_uuid(), 'codellama:13b', '2026-01-01', 'USD', 10000000, 20000000, 'test')`)
    tenant = await stack.addTenant({ tier: 'premium' })
    for (const message of PROMPTS) expect((await stack.post('/chat', tenant.key, { message, model: 'phi3' })).status).toBe(200)
    await stack.settled()
    await eventually(async () => expect((await stack.owner.query('SELECT count(*)::int AS n FROM request_trace')).rows[0].n).toBe(PROMPTS.length))
    admin = await startAdmin({}, stack.database)
    token = await admin.personToken('ops')
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const year = () => ({ from: new Date(Date.now() - 86_400_000).toISOString(), to: new Date(Date.now() + 86_400_000).toISOString() })
  const run = async (body: object) => (await admin.call('POST', '/admin/rule-sets/backtest', { token, body: { ...year(), ...body } })).body

  it('shows the model mix and cost that the stored set would have had, from measures alone', async () => {
    const found = await run({ name: 'task' })
    expect(found).toMatchObject({
      rule_set: 'task', tenant: null, words_not_recorded: [], calls: { tried: 6, unpriced: 0 },
      rules: expect.arrayContaining([{ rule: 'task/code', calls: 2 }, { rule: 'task/analysis', calls: 1 }, { rule: 'task/short', calls: 2 }, { rule: 'task/default', calls: 1 }]),
    })
    const before = Object.fromEntries(found.models.map(({ model, calls_before: was, calls }: Record<string, unknown>) => [model, [was, calls]]))
    // "powerful" leads nowhere here: its call goes to the set's own default.
    expect(before).toEqual({ phi3: [6, 2], 'codellama:13b': [0, 2], 'llama3.2': [0, 2] })
    expect(found.calls.replaced).toBe(1)
    const { rows } = await stack.owner.query(`SELECT sum(amount_pico)::text AS all_of_it, sum(CASE WHEN t.features -> 'matched' ?| '{code,debug}' THEN 10 ELSE 1 END * amount_pico)::text AS would FROM usage u JOIN request_trace t ON t.rid = u.rid`)
    expect([picoFromDecimal(found.totals[0].billed), picoFromDecimal(found.totals[0].simulated)]).toEqual([BigInt(rows[0].all_of_it), BigInt(rows[0].would)])
  })

  it('tries a set that is not stored; tells of words nobody looked for', async () => {
    const ours = { rules: [{ name: 'big', when: { any_words: ['debug', 'market'] }, use: 'codellama:13b' }], default: { use: 'phi3' } }
    expect(await run({ rule_set: ours })).toMatchObject({ rule_set: 'tried', words_not_recorded: ['market'], rules: [{ rule: 'tried/default', calls: 5 }, { rule: 'tried/big', calls: 1 }] })
    expect((await admin.call('GET', '/admin/rule-sets/tried', { token })).status).toBe(404)
  })

  it('stays with one tenant, and inside its tier', async () => {
    const free = await stack.addTenant({ tier: 'free' })
    await (await stack.post('/chat', free.key, { message: 'debug' })).json()
    await stack.settled()
    await eventually(async () => expect(await run({ name: 'task', tenant: free.slug })).toMatchObject({ calls: { tried: 1, replaced: 1 }, models: [{ model: 'phi3', calls_before: 1, calls: 1 }] }))
  })

  it.each([
    ['an unknown name', { name: 'none' }, 404],
    ['neither name nor set', {}, 400],
    ['both', { name: 'task', rule_set: { rules: [], default: { use: 'phi3' } } }, 400],
    ['a set that names an unknown model', { rule_set: { rules: [], default: { use: 'gone' } } }, 400],
    ['a period that ends before it begins', { name: 'task', from: '2026-02-01', to: '2026-01-01' }, 400],
    ['an unknown tenant', { name: 'task', tenant: 'nobody' }, 404],
  ])('refuses %s', async (_name, body, status) => expect((await run(body)).status).toBe(status))

  it('the command prints it', async () => {
    const shown: string[] = []
    const cwd = mkdtempSync(join(tmpdir(), 'rules-'))
    writeFileSync(join(cwd, 'set.json'), JSON.stringify({ rules: [], default: { use: 'phi3' } }))
    const api = { json: async (method: 'POST', url: string, body: object) => (await admin.call(method, url, { token, body: JSON.parse(JSON.stringify({ ...body, ...year() })) })).body }
    const call = (args: string[], options: object) => routingBacktest.run({ args, options: { ...PERIOD, ...options }, api, terminal: { cwd }, show: (_value: unknown, text: string) => shown.push(text) } as never)
    await call([], { name: 'task' })
    expect(shown[0]).toMatch(/^model +before +after +billed +simulated/)
    expect(shown[0]).toMatch(/codellama:13b +0 +\d/)
    await call(['set.json'], {})
    expect(shown[1]).toContain('tried/default')
    await expect(call([], {})).rejects.toThrow('Which rule set')
    await expect(call(['nope.json'], {})).rejects.toThrow('cannot be read as JSON')
  })
})
