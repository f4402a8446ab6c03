import { picoFromDecimal } from '../../libs/kernel'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { ledgerSum, usageOf } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!

/** As the sandbox writes it to its log file: one JSON object a line. */
const linesOf = (entries: readonly object[]) => entries.map((entry) => JSON.stringify(entry)).join('\n')

interface Difference {
  readonly kind: string
  readonly request_id: string | null
  readonly fields: string[]
  readonly here: { status: string; source: string } | null
}

describe('a real run, held against the logs of its hosts and priced again', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  let period: { from: string; to: string }
  const rids: Record<string, string[]> = { ollama: [], openai: [] }
  const MODELS: Record<string, string> = { ollama: 'phi3', openai: 'gpt-4o-mini' }

  beforeAll(async () => {
    stack = await startStack({ redisUrl, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    admin = await startAdmin({}, stack.database)
    token = await admin.personToken('billing')
    tenant = await stack.addTenant({ tier: 'enterprise' })
    period = { from: new Date(Date.now() - 60_000).toISOString(), to: new Date(Date.now() + 600_000).toISOString() }
    for (let n = 0; n < 12; n++) for (const provider of ['ollama', 'openai']) rids[provider]!.push(await call(provider, n))
    await settled(24)
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  async function call(provider: string, n: number): Promise<string> {
    const response = await stack.post('/chat', tenant.key, { message: Array.from({ length: n + 1 }, (_, i) => `w${i}`).join(' '), model: MODELS[provider], stream: n % 2 === 0 })
    await response.text()
    return response.headers.get('x-request-id')!
  }
  const settled = (count: number) => eventually(async () => expect(await usageOf(stack.owner, tenant.id)).toHaveLength(count), { timeoutMs: 8_000 })
  const hostOf = (provider: string) => stack.sandbox.hosts.find(({ dialect }) => dialect === provider)!
  const reconcile = async (body: object) => {
    const reply = await admin.call('POST', '/admin/proof/reconcile', { token, body: { ...period, ...body } })
    if (reply.status !== 200) throw new Error(JSON.stringify(reply.body))
    return reply.body
  }
  const named = (body: { differences: Difference[] }) => body.differences.map(({ kind, request_id, fields }) => [kind, request_id, fields.join(' ')])

  it.each(['ollama', 'openai'])("equals the log of the %s host, as its file has it and as it answers it", async (provider) => {
    for (const text of [linesOf(hostOf(provider).log()), JSON.stringify(hostOf(provider).log())]) {
      expect(await reconcile({ provider, export: text })).toMatchObject({ ok: true, here: { expected: 12 }, there: { rows: 12, equal: 12, outside_period: 0 }, missing_here: 0, missing_there: 0, different: 0, differences: [] })
    }
    expect(await reconcile({ provider, host: hostOf(provider).name, export: linesOf(hostOf(provider).log()) })).toMatchObject({ ok: true, here: { expected: 12 } })
  })

  it('names exactly the rows that were seeded to differ, in any order', async () => {
    const log = hostOf('ollama').log().filter(({ request_id }) => request_id !== null).map((entry) => ({ ...entry }))
    const ids = rids.ollama!
    const at = (id: string) => log.find(({ request_id }) => request_id === id)!
    at(ids[1]!).prompt_tokens += 1
    Object.assign(at(ids[2]!), { completion_tokens: 0, generated_tokens: 0 })
    at(ids[3]!).model = 'llama3.2'
    const stranger = { ...at(ids[4]!), request_id: '019a0000-0000-7000-8000-0000000000ff' }
    const direct = { ...at(ids[4]!), request_id: null }
    const late = { ...at(ids[4]!), request_id: 'of-another-day', arrived_at: Date.parse(period.to) + 1 }
    const seeded = [...log.filter(({ request_id }) => request_id !== ids[5] && request_id !== ids[6]), { ...at(ids[7]!) }, stranger, direct, late]
    const expected = [
      ['different', ids[1], 'prompt_tokens'], ['different', ids[2], 'completion_tokens'], ['different', ids[3], 'model'],
      ['missing_here', ids[7], ''], ['missing_here', stranger.request_id, ''], ['missing_here', null, ''],
      ['missing_there', ids[5], ''], ['missing_there', ids[6], ''],
    ].map((one) => JSON.stringify(one)).sort()
    for (const order of [seeded, seeded.toReversed(), seeded.toSorted((a, b) => (a.prompt_tokens * 7) % 5 - (b.prompt_tokens * 7) % 5)]) {
      const body = await reconcile({ provider: 'ollama', export: linesOf(order) })
      expect(named(body).map((one) => JSON.stringify(one)).sort()).toEqual(expected)
      expect(body).toMatchObject({ ok: false, missing_here: 3, missing_there: 2, different: 3, there: { rows: 14, equal: 7, outside_period: 1 } })
      for (const { line, request_id } of body.differences.filter((one: { line: number | null }) => one.line !== null)) expect(order[line - 1]!.request_id).toBe(request_id)
    }
  })

  it('compares cost with what each attempt cost us, to the pico', async () => {
    const [id, unknown] = [rids.openai![0]!, rids.openai![1]!]
    await stack.owner.query('UPDATE provider_cost SET cost_pico = NULL WHERE rid = ANY ($1)', [rids.openai])
    await stack.owner.query('UPDATE provider_cost SET cost_pico = 125000000001 WHERE rid = $1', [id])
    const rows = hostOf('openai').log().map(({ request_id, prompt_tokens, completion_tokens }) => `${request_id},${prompt_tokens},${completion_tokens},${request_id === id || request_id === unknown ? '0.125000000001' : ''}`)
    const csv = (cost: string) => ['request_id,prompt_tokens,completion_tokens,cost', ...rows].join('\r\n').replace('0.125000000001', cost)
    expect(await reconcile({ provider: 'openai', export: csv('0.125000000001') })).toMatchObject({ ok: true, there: { equal: 12, cost_not_known_here: 1 } })
    const body = await reconcile({ provider: 'openai', export: csv('0.125') })
    expect(named(body)).toEqual([['different', id, 'cost']])
    expect(body.differences[0]).toMatchObject({ line: 2, here: { cost: '0.125000000001', model: 'gpt-4o-mini', attempt: 1 }, there: { cost: '0.125' } })
  })

  it('a call that began outside the period is compared by its id when the export has it inside, and left out otherwise', async () => {
    const ids = rids.ollama!
    const rows = hostOf('ollama').log().map((entry) => ({ request_id: entry.request_id, prompt_tokens: entry.prompt_tokens, completion_tokens: entry.completion_tokens, at: new Date(entry.arrived_at).toISOString() }))
    const { rows: [first] } = await stack.owner.query<{ started_at: Date }>('SELECT started_at FROM usage WHERE rid = $1', [ids[0]])
    const after = { from: new Date(first!.started_at.getTime() + 1).toISOString(), to: period.to }
    const inside = rows.map((row) => (row.request_id === ids[0] ? { ...row, at: after.to.replace(/\d\d\.\d+Z/, '00.000Z') } : row))
    expect(await reconcile({ ...after, provider: 'ollama', rows: inside })).toMatchObject({ ok: true, there: { equal: 12, outside_period: 0 } })
    const outside = rows.map((row) => (row.request_id === ids[0] ? { ...row, at: period.from } : row))
    expect(await reconcile({ ...after, provider: 'ollama', rows: outside })).toMatchObject({ ok: true, here: { expected: 11 }, there: { equal: 11, outside_period: 1 } })
  })

  it('of a run with faults names only calls that did not complete', async () => {
    const [ollama, openai] = [hostOf('ollama'), hostOf('openai')]
    const faults = ['reset-mid', 'busy', 'eof-mid', 'http500', 'err-line']
    for (const fault of faults) {
      for (const host of [ollama, openai]) await host.set(fault)
      for (const provider of ['ollama', 'openai']) await call(provider, 4)
      for (const model of ['llama3.2']) await (await stack.post('/chat', tenant.key, { message: 'one two', model, stream: true })).text()
    }
    for (const host of [ollama, openai]) await host.set('ok')
    for (const provider of ['ollama', 'openai']) await call(provider, 3)
    await settled(24 + faults.length * 3 + 2)
    const usage = new Map((await usageOf(stack.owner, tenant.id)).map((row) => [row.rid, row]))
    for (const host of [ollama, openai]) {
      const body = await reconcile({ provider: host.dialect, export: linesOf(host.log()) })
      expect(body.there.equal).toBeGreaterThanOrEqual(13)
      expect(body.differences.length).toBeGreaterThan(0)
      for (const { kind, request_id, here } of body.differences as Difference[]) {
        expect([kind, usage.get(request_id!)!.status]).toEqual(['different', 'failed'])
        expect(here!.source).toBe('estimated')
      }
    }
  })

  it('simulated with the prices it had is its ledger to the unit', async () => {
    const ledger = await ledgerSum(stack.owner, tenant.id)
    const simulate = async (body: object) => (await admin.call('POST', '/admin/proof/simulate', { token, body: { ...period, tenant: tenant.slug, ...body } })).body
    const same = await simulate({})
    expect(same.totals).toEqual([{ currency: 'USD', requests: 41, billed: same.totals[0].simulated, simulated: same.totals[0].billed, difference: '0' }])
    expect(picoFromDecimal(same.totals[0].billed)).toBe(ledger)
    expect(same.calls.uncharged).toBeGreaterThan(0)
    const doubled = await simulate({ prices: [{ model: '*', input_per_million: '2', output_per_million: '4', source: 'double' }] })
    expect(picoFromDecimal(doubled.totals[0].simulated)).toBe(2n * ledger)
  })

  it('verifies, once sealed', async () => {
    await eventually(async () => {
      const { body } = await admin.call('POST', '/admin/proof/ledger/verify', { token, body: { tenant: tenant.slug } })
      expect(body).toMatchObject({ ok: true, sealed: 41, unsealed: 0 })
    }, { timeoutMs: 8_000 })
  })
})
