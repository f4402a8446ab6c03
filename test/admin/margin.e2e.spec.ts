import { picoFromDecimal } from '@tollgate/kernel'
import { CatalogService } from '../../libs/catalog'
import { HostsService } from '../../libs/hosts'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support/index'
import { yesterday } from '../support/books'
import { startAdmin, type AdminApp } from './admin-app'

const TODAY = new Date().toISOString().slice(0, 10)
const inPico = (text: string) => (text.startsWith('-') ? -picoFromDecimal(text.slice(1))! : picoFromDecimal(text)!)

interface Row {
  readonly [group: string]: string | number
}

describe('what calls cost the operator', () => {
  let stack: Stack
  let admin: AdminApp
  let token: string
  let tenant: SeededTenant
  let foreign: SeededTenant

  beforeAll(async () => {
    stack = await startStack({
      redisUrl: redisTargets().at(-1)!.url,
      hosts: [
        { name: 'gpu', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 2 } },
        { name: 'attic', region: 'asia-pacific', dialect: 'ollama', models: ['phi3'] },
        { name: 'openai', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini', 'llama3.2', 'unlisted'] },
        { name: 'router', region: 'eu-west', dialect: 'openrouter', models: ['openai/gpt-4o-mini'] },
      ],
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    admin = await startAdmin({ TOLLGATE_KEY_PEPPER: stack.config.TOLLGATE_KEY_PEPPER, TOLLGATE_SECRETS_KEY: stack.config.TOLLGATE_SECRETS_KEY }, stack.database)
    token = await admin.personToken('owner')
    tenant = await stack.addTenant({ tier: 'enterprise' })
    foreign = await stack.addTenant({ tier: 'enterprise' })
    await stack.owner.query(`UPDATE tenant SET currency = 'EUR' WHERE id = $1`, [foreign.id])
    await stack.owner.query(`INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, source) VALUES ('019a0000-0000-7000-8000-0000000000ee', '*', '2026-01-01', 'EUR', 1, 1, 'spec')`)
    // An hour of 3.60 is a thousandth a second, and half of that for one of two slots.
    expect((await admin.call('PATCH', '/admin/hosts/gpu', { token, body: { cost_per_hour: '3.60', max_parallel: 2 } })).body).toMatchObject({ cost_per_hour: '3.6', max_parallel: 2 })
    expect((await admin.call('PUT', '/admin/models/llama3.2', { token, body: { retry_ambiguous: true } })).status).toBe(200)
    await stack.gateways[0]!.get(HostsService).refresh()
    await stack.gateways[0]!.get(CatalogService).refresh()
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
  })
  afterEach(async () => {
    for (const host of stack.sandbox.hosts) await host.reset()
  })

  const chat = async (model: string, key = tenant.key) => {
    const response = await stack.post('/chat', key, { message: 'one two three', model })
    await response.text()
    await stack.settled()
    const { rows } = await stack.owner.query('SELECT host, outcome, duration_ms, cost_pico FROM provider_cost WHERE rid = $1 ORDER BY attempt', [response.headers.get('x-request-id')])
    return { status: response.status, attempts: rows as { host: string; outcome: string; duration_ms: number; cost_pico: string | null }[] }
  }

  it.each(['NaN', '-1', '1e2', '0.0000000000001', '10000.01', 3.6])('a cost per hour of %j is refused, naming it', async (cost_per_hour) => {
    const { status, body } = await admin.call('PATCH', '/admin/hosts/gpu', { token, body: { cost_per_hour } })
    expect([status, body.errors.map((error: { path: string }) => error.path)]).toEqual([400, ['cost_per_hour']])
  })

  describe('an attempt', () => {
    it('on a host with a cost per hour costs its share of the time', async () => {
      const { attempts } = await chat('llama3.2')
      expect(attempts[0]!.duration_ms).toBeGreaterThan(10)
      expect(attempts).toEqual([expect.objectContaining({ host: 'gpu', outcome: 'completed', cost_pico: String(attempts[0]!.duration_ms * 500_000) })])
    })

    it('that a host refuses, or breaks, has held it as well; what another then serves is its own', async () => {
      await stack.sandbox.host('gpu').set('http500')
      const { status, attempts } = await chat('llama3.2')
      expect(status).toBe(200)
      expect(attempts).toEqual([
        expect.objectContaining({ host: 'gpu', cost_pico: String(attempts[0]!.duration_ms * 500_000) }),
        expect.objectContaining({ host: 'openai', outcome: 'completed' }),
      ])
    })

    it('that never reached its host costs nothing', async () => {
      await stack.sandbox.host('gpu').stop()
      // Named, since a host that failed a moment ago is tried last.
      const { attempts } = await chat('ollama/llama3.2')
      await stack.sandbox.host('gpu').start()
      expect(attempts[0]).toMatchObject({ host: 'gpu', outcome: expect.stringMatching(/^not_dispatched/), cost_pico: '0' })
    })

    it('at a provider that reports its cost costs that, digit by digit', async () => {
      expect((await chat('openai/gpt-4o-mini')).attempts).toEqual([expect.objectContaining({ host: 'router', cost_pico: '423000000' })])
      await stack.sandbox.host('router').set('ok;cost=0.000012345678')
      expect((await chat('openai/gpt-4o-mini')).attempts).toEqual([expect.objectContaining({ host: 'router', cost_pico: '12345678' })])
    })

    it("at one that does not costs what the provider's book says, and a refusal nothing", async () => {
      expect((await chat('gpt-4o-mini')).attempts).toEqual([expect.objectContaining({ host: 'openai', cost_pico: String(6 * 150_000 + 11 * 600_000) })])
      await stack.sandbox.host('openai').set('busy')
      expect((await chat('gpt-4o-mini')).attempts).toEqual([expect.objectContaining({ host: 'openai', outcome: expect.stringMatching(/^refused/), cost_pico: '0' })])
    })

    it('whose provider reports more than any call can cost is settled all the same, at what the book says', async () => {
      await stack.sandbox.host('router').set('ok;cost=1000000')
      const { status, attempts } = await chat('openai/gpt-4o-mini')
      expect([status, attempts]).toEqual([200, [expect.objectContaining({ host: 'router', cost_pico: String(6 * 150_000 + 11 * 600_000) })]])
    })

    it('nobody can price has no cost, which is not zero', async () => {
      expect((await chat('phi3')).attempts).toEqual([expect.objectContaining({ host: 'attic', cost_pico: null })])
      expect((await chat('unlisted')).attempts).toEqual([expect.objectContaining({ host: 'openai', cost_pico: null })])
    })
  })

  describe('the margin report', () => {
    beforeAll(async () => {
      expect((await chat('gpt-4o-mini', foreign.key)).status).toBe(200)
    })
    const report = async (query: string, as = token) => admin.call('GET', `/admin/reports/margin${query}`, { token: as })
    const sums = async () => {
      const { rows } = await stack.owner.query(`SELECT (SELECT sum(delta_pico) FROM ledger) AS revenue, (SELECT count(*) FROM usage) AS requests, (SELECT sum(cost_pico) FROM provider_cost) AS cost, (SELECT count(*) FROM provider_cost) AS attempts, (SELECT count(*) FROM provider_cost WHERE cost_pico IS NULL) AS uncosted`)
      return rows[0] as Record<string, string>
    }

    it.each(['', '?group_by=model', '?group_by=host', '?group_by=provider', '?group_by=region', '?group_by=tenant', '?group_by=day', '?group_by=day,tenant,model,host,provider,region'])('%s adds up to ledger and provider cost, to the pico', async (query) => {
      // A month may end while this runs.
      const { status, body } = await report(`${query === '' ? '?' : `${query}&`}from=${yesterday()}`)
      expect(status).toBe(200)
      const total = (field: string) => (body.rows as Row[]).reduce((sum, row) => sum + (typeof row[field] === 'number' ? BigInt(row[field]) : inPico(row[field]!)), 0n)
      const truth = await sums()
      expect([total('revenue'), total('provider_cost'), total('requests'), total('attempts'), total('attempts_without_cost')]).toEqual([truth.revenue, truth.cost, truth.requests, truth.attempts, truth.uncosted].map((text) => BigInt(text!)))
      for (const row of body.rows as (Row & { revenue: string; provider_cost: string; margin: string | null })[]) {
        if (row.currency === 'USD') expect(inPico(row.margin!)).toBe(inPico(row.revenue) - inPico(row.provider_cost))
        else expect([row.currency, row.margin]).toEqual(['EUR', null])
      }
    })

    it('names the group in each line, a model by one name for cloud and local alike', async () => {
      const { body } = await report(`?group_by=model,tenant&from=${TODAY}`)
      expect(body).toMatchObject({ from: TODAY, cost_currency: 'USD' })
      expect((body.rows as Row[]).map((row) => `${row.model} ${row.tenant}`)).toEqual([`gpt-4o-mini ${foreign.slug}`, `gpt-4o-mini ${tenant.slug}`, `llama3.2 ${tenant.slug}`, `openai/gpt-4o-mini ${tenant.slug}`, `phi3 ${tenant.slug}`, `unlisted ${tenant.slug}`].sort())
    })

    it('of other days is empty', async () => {
      expect((await report('?from=2026-01-01&to=2026-01-02&group_by=model')).body).toMatchObject({ rows: [], idle: [] })
    })

    it('shows what stood idle: cost of the hours a host existed less what its attempts were given', async () => {
      const { body } = await report('')
      const { rows } = await stack.owner.query(`SELECT sum(cost_pico)::text AS used FROM provider_cost WHERE host = 'gpu'`)
      expect(body.idle).toEqual([{ host: 'gpu', region: 'us-east', hours: expect.any(Number), cost: expect.any(String), attributed_cost: expect.any(String), idle_cost: expect.any(String) }])
      const [gpu] = body.idle
      expect(inPico(gpu.attributed_cost)).toBe(BigInt(rows[0].used))
      expect(inPico(gpu.idle_cost) + inPico(gpu.attributed_cost)).toBe(inPico(gpu.cost))
      expect(inPico(gpu.cost)).toBeGreaterThan(inPico(gpu.attributed_cost))
    })

    it('keeps the idle cost of hosts that moved, changed their cost or are gone, each span at its own', async () => {
      const id = '019a0000-0000-7000-8000-00000000abcd'
      const at = (hour: number) => `2026-03-01T${String(hour).padStart(2, '0')}:00:00Z`
      const spans = [[0, 'us-east', 2e12], [6, 'us-east', null], [8, 'us-east', 4e12], [10, 'eu-west', 4e12], [12, 'eu-west', null]] as const
      for (const [hour, region, pico] of spans) await stack.owner.query(`INSERT INTO host_cost VALUES ($1, $2, 'old', $3, $4)`, [id, at(hour), region, pico])
      const { body } = await report('?from=2026-03-01&to=2026-03-02')
      expect(body.idle).toEqual([
        { host: 'old', region: 'eu-west', hours: 2, cost: '8', attributed_cost: '0', idle_cost: '8' },
        { host: 'old', region: 'us-east', hours: 8, cost: '20', attributed_cost: '0', idle_cost: '20' },
      ])
    })

    it('notes every change of what a host costs, whoever makes it, and no other change', async () => {
      const notes = async () => (await stack.owner.query(`SELECT n.region, n.cost_per_hour_pico::text AS pico FROM host_cost n WHERE n.host = 'attic' ORDER BY n.starts_at`)).rows.map((row) => `${row.region} ${row.pico}`)
      const change = (body: object) => admin.call('PATCH', '/admin/hosts/attic', { token, body })
      expect(await notes()).toEqual([])
      await change({ cost_per_hour: '1' })
      await change({ cost_per_hour: '1', weight: 3 })
      await change({ region: 'us-east' })
      await stack.owner.query(`UPDATE host SET status = 'unhealthy' WHERE name = 'attic'`)
      await change({ cost_per_hour: null })
      await change({ cost_per_hour: '2.5' })
      expect((await admin.call('DELETE', '/admin/hosts/attic', { token })).status).toBe(204)
      expect(await notes()).toEqual(['asia-pacific 1000000000000', 'us-east 1000000000000', 'us-east null', 'us-east 2500000000000', 'us-east null'])
      await expect(stack.owner.query('UPDATE host_cost SET cost_per_hour_pico = 0')).rejects.toThrow('never changed')
    })

    it.each([
      ['?from=yesterday', 'from'],
      ['?from=2026-02-30', 'from'],
      ['?from=2026-02-02T00:00:00Z', 'from'],
      ['?from=2026-02-02&to=2026-02-02', 'to'],
      ['?from=2024-01-01&to=2026-01-01', 'from'],
      ['?group_by=model,key', 'group_by.1'],
      ['?groupby=model', 'groupby'],
    ])('refuses %s, naming it', async (query, path) => {
      const { status, body } = await report(query)
      expect([status, body.code, body.errors[0].path]).toEqual([400, 'invalid_request', path])
    })
  })
})
