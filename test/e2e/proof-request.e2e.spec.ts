import { startAdmin, type AdminApp } from '../admin/admin-app'
import { documented, eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { usageRow } from './evidence'

const { url: redisUrl } = redisTargets().at(-1)!

describe('the record of a request', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  let other: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    admin = await startAdmin({}, stack.database)
    token = await admin.personToken('support')
    tenant = await stack.addTenant()
    other = await stack.addTenant()
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })

  const read = async (id: string, key = tenant.key) => {
    const response = await documented('GET', await fetch(`${stack.url}/v1/requests/${id}`, { headers: { 'x-api-key': key } }))
    // oxlint-disable-next-line typescript/no-explicit-any -- specs look into replies of every shape
    return { status: response.status, body: (await response.json()) as any }
  }
  const recorded = (id: string) => eventually(async () => {
    const reply = await read(id)
    if (reply.status !== 200) throw new Error(JSON.stringify(reply.body))
    return reply.body
  }, { timeoutMs: 8_000 })

  it('says what the provider counted, in its own words, what we count, what it cost and by which price', async () => {
    const reply = await (await stack.post('/chat', tenant.key, { message: 'one two', model: 'llama3.2' })).json() as Record<string, unknown>
    const record = await recorded(String(reply.request_id))
    const { prompt_tokens, completion_tokens, total_tokens, cost, currency, source } = reply.usage as Record<string, unknown>
    expect(record).toMatchObject({
      id: reply.request_id, surface: 'chat', requested_model: 'llama3.2', model: 'llama3.2', provider: 'ollama', region: 'us-east', host: 'ollama-us', status: 'completed', finish_reason: 'stop', error_code: null, stream: false,
      usage: { prompt_tokens, completion_tokens, total_tokens, cached_tokens: 0, cache_write_tokens: 0, reasoning_tokens: 0, source }, cost, currency,
      raw_usage: { prompt_eval_count: prompt_tokens, eval_count: completion_tokens },
      price: { model: '*', input_per_million: '1', output_per_million: '2', per_request: '0', source: 'test', effective_at: '2026-01-01T00:00:00.000Z' },
      attempts: [{ attempt: 1, host: 'ollama-us', provider: 'ollama', region: 'us-east', model: 'llama3.2', outcome: 'completed' }],
      ledger: [{ rank: 1, delta: cost }], flags: [],
    })
    expect(record.started_at).toMatch(/^\d{4}-.*Z$/)
    expect(record.duration_ms).toBeGreaterThanOrEqual(record.first_event_ms)
    expect(JSON.stringify(record)).not.toContain('one two')
  })

  it('of a stream whose first host fails shows every attempt, to its tenant without causes', async () => {
    const host = stack.sandbox.hosts.find(({ name }) => name === 'ollama-us')!
    await host.set('busy')
    const response = await stack.post('/v1/chat/completions', tenant.key, { messages: [{ role: 'user', content: 'a' }], model: 'llama3.2', stream: true })
    await response.text()
    await host.set('ok')
    const id = response.headers.get('x-request-id')!
    const record = await recorded(id)
    expect(record.attempts.map(({ host: name, outcome }: { host: string; outcome: string }) => [name, outcome])).toEqual([['ollama-us', 'refused'], ['openai-eu', 'completed']])
    expect(record).toMatchObject({ stream: true, provider: 'openai', raw_usage: { total_tokens: record.usage.total_tokens } })
    const seen = await admin.call('GET', `/admin/requests/${id}`, { token })
    expect(seen.body).toMatchObject({ id, tenant: { id: tenant.id, slug: tenant.slug }, key_id: tenant.keyId, project_id: null, attempts: [{ outcome: expect.stringMatching(/^refused: http 503/) }, { outcome: 'completed', cost: null }], cost: record.cost, ledger: record.ledger })
  })

  it('is sealed by the worker within seconds, and its chain verifies', async () => {
    const operator = await admin.personToken('ops')
    const body = await eventually(async () => {
      const reply = await admin.call('POST', '/admin/proof/ledger/verify', { token: operator, body: { tenant: tenant.slug } })
      if (reply.body.unsealed > 0) throw new Error(JSON.stringify(reply.body))
      return reply.body
    }, { timeoutMs: 8_000 })
    expect(body).toMatchObject({ ok: true, sealed: 2, tenants: [{ tenant: tenant.slug, head: { seq: 2 }, problem: null }] })
  })

  it('of a swept estimate that was corrected shows both ledger rows', async () => {
    const response = await stack.post('/chat', tenant.key, { message: 'x', model: 'phi3' })
    const { request_id: id } = (await response.json()) as { request_id: string }
    await usageRow(stack.owner, id)
    await stack.owner.query(`UPDATE ledger SET delta_pico = delta_pico - 7 WHERE rid = $1`, [id])
    await stack.owner.query(`INSERT INTO ledger SELECT tenant_id, day, rid, 0, 7, recorded_at - interval '1 minute' FROM ledger WHERE rid = $1`, [id])
    const { cost, ledger } = await recorded(id)
    expect(ledger.map((row: { rank: number; delta: string }) => [row.rank, row.delta])).toEqual([[0, '0.000000000007'], [1, expect.any(String)]])
    expect(cost).not.toBe(ledger[1].delta)
    expect((await admin.call('GET', `/admin/requests/${id}`, { token })).body).toMatchObject({ ledger, children: null })
  })

  it('of the first of several has them all', async () => {
    const { request_id: id } = (await (await stack.post('/chat', tenant.key, { message: 'x', model: 'phi3' })).json()) as { request_id: string }
    await usageRow(stack.owner, id)
    await stack.owner.query('UPDATE usage SET parent_rid = rid WHERE rid = $1', [id])
    const { cost } = await recorded(id)
    expect((await admin.call('GET', `/admin/requests/${id}`, { token })).body).toMatchObject({ parent_id: id, children: { cost, requests: [{ id, model: 'phi3', status: 'completed', cost }] } })
  })

  it('is not there while the call runs, and says when it will be', async () => {
    const host = stack.sandbox.hosts.find(({ name }) => name === 'ollama-us')!
    await host.set('ok;words=40;gap=100')
    const response = await stack.post('/chat', tenant.key, { message: 'x', model: 'phi3', stream: true })
    const id = response.headers.get('x-request-id')!
    expect([response.status, host.stats().active]).toEqual([200, 1])
    expect(await read(id)).toMatchObject({ status: 404, body: { error: { code: 'request_not_recorded', message: expect.stringContaining('A record appears within seconds of the end of its call') } } })
    await host.set('ok')
    await response.text()
    expect(await recorded(id)).toMatchObject({ id, stream: true, status: 'completed' })
  })

  it("is nobody else's: another tenant's, an unknown and a malformed id all answer the same 404", async () => {
    const reply = (await (await stack.post('/chat', tenant.key, { message: 'mine', model: 'phi3' })).json()) as { request_id: string }
    await recorded(reply.request_id)
    for (const id of [reply.request_id, '019a0000-0000-7000-8000-000000000001', 'ffffffff-ffff-7fff-8fff-ffffffffffff', '7d444840-9dc0-41d1-b245-5ffdce74fad2', 'x', "'; DROP TABLE usage", '%00']) {
      const { status, body } = await read(encodeURIComponent(id), other.key)
      expect([id, status, body.error.code]).toEqual([id, 404, 'request_not_recorded'])
    }
    expect((await read(reply.request_id.toUpperCase())).status).toBe(200)
    expect((await admin.call('GET', '/admin/requests/x', { token })).body).toMatchObject({ status: 404, code: 'request_not_recorded' })
  })

  it('needs the scope of reports', async () => {
    const fresh = await stack.addTenant()
    await stack.owner.query(`UPDATE api_key SET scopes = '{chat}' WHERE id = $1`, [fresh.keyId])
    expect(await read('x', fresh.key)).toMatchObject({ status: 403, body: { error: { code: 'scope_not_allowed' } } })
  })
})
