import { ClaimsFixture, TODAY } from '../../libs/usage/claims-fixture'
import { LedgerSealService } from '@tollgate/proof'
import { LedgerSealStore } from '../../libs/proof/ledger-seal.store'
import { startAdmin, type AdminApp } from './admin-app'

const PERIOD = { from: TODAY, to: `${TODAY}T23:59:59Z` }

describe('proof on the control plane', () => {
  let world: ClaimsFixture
  let admin: AdminApp
  let token: string
  let tenant: string
  let slug: string
  beforeAll(async () => {
    world = await ClaimsFixture.start()
    admin = await startAdmin({}, world.database)
    token = await admin.personToken('billing')
    tenant = await world.tenant()
    slug = `t-${tenant}`
    const { body: price } = await admin.call('POST', '/admin/prices', { token, body: { model: 'phi3', input_per_million: '1', output_per_million: '2', source: 'spec', effective_at: '2020-01-01T00:00:00Z' } })
    const amount = 10n * 1_000_000n + 20n * 2_000_000n
    await world.store.commitBatch(Array.from({ length: 5 }, () => world.claim(tenant, { price_id: price.id, amount_pico: amount.toString() })))
  })
  afterAll(async () => {
    await admin.stop()
    await world.stop()
  })

  const post = (path: string, body: object) => admin.call('POST', `/admin/proof/${path}`, { token, body })

  describe('ledger verify', () => {
    it('counts what is sealed and what is not yet, and names the first row that does not hold', async () => {
      expect((await post('ledger/verify', { tenant: slug })).body).toEqual({ ok: true, sealed: 0, unsealed: 5, tenants: [{ tenant: slug, tenant_id: tenant, ok: true, sealed: 0, unsealed: 5, head: null, problem: null }] })
      await new LedgerSealService(new LedgerSealStore(world.worker)).sealWaiting()
      const { body } = await post('ledger/verify', {})
      expect(body).toMatchObject({ ok: true, sealed: 5, unsealed: 0 })
      const [{ head }] = body.tenants
      expect(head).toEqual({ seq: 5, hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
      expect((await post('ledger/verify', { tenant: slug, head })).body.ok).toBe(true)
      expect((await post('ledger/verify', { tenant: slug, head: { ...head, seq: 6 } })).body.tenants[0].problem).toMatchObject({ kind: 'removed', table: 'ledger_seal', seq: 6 })
      const { rows: [{ rid }] } = await world.owner.query('SELECT rid FROM ledger_seal WHERE seq = 3')
      await world.owner.query('UPDATE ledger SET delta_pico = 1 WHERE rid = $1', [rid])
      expect((await post('ledger/verify', { tenant: slug })).body).toMatchObject({ ok: false, sealed: 2, tenants: [{ ok: false, problem: { kind: 'altered', table: 'ledger', seq: 3, day: TODAY, request_id: rid, rank: 1, message: expect.any(String) } }] })
      await world.owner.query('UPDATE ledger SET delta_pico = 50000000 WHERE rid = $1', [rid])
    })

    it.each([
      [{ tenant: 'nobody' }, 404, undefined],
      [{ tenant: 'Not A Slug' }, 400, 'tenant'],
      [{ head: { seq: 1, hash: '0'.repeat(64) } }, 400, 'head'],
      [{ tenant: 'x', head: { seq: 0, hash: '0'.repeat(64) } }, 400, 'head.seq'],
      [{ tenant: 'x', head: { seq: 1, hash: 'xyz' } }, 400, 'head.hash'],
      [{ tenants: ['x'] }, 400, 'tenants'],
    ])('refuses %j', async (body, status, path) => {
      const reply = await post('ledger/verify', body)
      expect([reply.status, reply.body.errors[0]?.path]).toEqual([status, path])
    })
  })

  describe('reconcile', () => {
    const scope = { ...PERIOD, provider: 'ollama' }
    const HEADER = 'request_id,prompt_tokens,completion_tokens'
    const expected = async () => (await world.owner.query<{ rid: string }>('SELECT rid FROM usage WHERE tenant_id = $1 ORDER BY rid', [tenant])).rows.map(({ rid }) => rid)

    it('names what an empty export lacks, and nothing of a whole one', async () => {
      const rids = await expected()
      const empty = await post('reconcile', { ...scope, rows: [] })
      expect(empty.body).toMatchObject({ ok: false, provider: 'ollama', host: null, here: { expected: 5 }, there: { rows: 0, equal: 0 }, missing_here: 0, missing_there: 5, different: 0 })
      expect(empty.body.differences.map((one: { request_id: string }) => one.request_id)).toEqual(rids)
      expect(empty.body.differences[0]).toEqual({
        kind: 'missing_there', request_id: rids[0], line: null, fields: [], there: null,
        here: { attempt: 1, host: 'h', model: 'phi3', prompt_tokens: 10, completion_tokens: 20, source: 'provider', status: 'completed', outcome: 'completed', cost: null, at: `${TODAY}T00:00:01.000Z` },
      })
      expect((await post('reconcile', { ...scope, export: [HEADER, ...rids.map((rid) => `${rid},10,20`)].join('\n') })).body).toMatchObject({ ok: true, there: { rows: 5, equal: 5 }, differences: [] })
      for (const other of [{ provider: 'openai' }, { host: 'another' }]) expect((await post('reconcile', { ...scope, ...other, rows: [] })).body).toMatchObject({ ok: true, here: { expected: 0 } })
    })

    it('answers a bad export with the lines that are wrong, and compares none of it', async () => {
      const { status, body } = await post('reconcile', { ...scope, export: `${HEADER}\na,1,2\nb,x,2\nc,1\n` })
      expect([status, body.code, body.errors]).toEqual([400, 'invalid_request', [{ path: 'line 3', message: 'prompt_tokens must be a whole number of tokens' }, { path: 'line 4', message: 'has 2 cells where the header has 3' }]])
      expect(body.detail).toBe('Invalid request: line 3 prompt_tokens must be a whole number of tokens and 1 more.')
      expect((await post('reconcile', { ...scope, rows: [{ request_id: 'a', prompt_tokens: 1, completion_tokens: 2 }, { request_id: 'a', prompt_tokens: 1 }] })).body.errors).toEqual([{ path: 'rows.1', message: 'completion_tokens is missing' }])
    })

    it.each([
      [{ ...scope }, 'export'],
      [{ ...scope, export: HEADER, rows: [] }, 'export'],
      [{ ...scope, from: undefined, rows: [] }, 'from'],
      [{ ...scope, from: '2026-02-01', to: '2026-01-01', rows: [] }, 'to'],
      [{ ...scope, provider: '', rows: [] }, 'provider'],
      [{ ...scope, rows: {} }, 'rows'],
      [{ ...scope, rows: [], format: 'csv' }, 'format'],
    ])('refuses %j', async (body, path) => {
      const reply = await post('reconcile', body)
      expect([reply.status, reply.body.errors[0]?.path]).toEqual([400, path])
    })

    it('of more than a body may hold is 413, told before it is read', async () => {
      expect((await post('reconcile', { ...scope, export: 'x'.repeat(1_100_000) })).body).toMatchObject({ status: 413, code: 'body_too_large' })
    })
  })

  describe('simulate', () => {
    it('without changes is the ledger; with changes says the difference, by model and tenant', async () => {
      const same = { currency: 'USD', requests: 5, billed: '0.00025', simulated: '0.00025', difference: '0' }
      expect((await post('simulate', PERIOD)).body).toEqual({
        from: `${TODAY}T00:00:00.000Z`, to: `${TODAY}T23:59:59.000Z`, tenant: null, totals: [same], models: [{ model: 'phi3', ...same }], tenants: [{ tenant: slug, ...same }], calls: { priced: 5, uncharged: 0, kept: 0, unpriced: 0 },
      })
      const cheaper = await post('simulate', { ...PERIOD, tenant: slug, changes: [{ model: 'phi3:latest', classes: ['output'], percent: '-50' }] })
      expect(cheaper.body.totals).toEqual([{ ...same, simulated: '0.00015', difference: '-0.0001' }])
      const row = { model: 'phi3:latest', input_per_million: '0', output_per_million: '0.000001', per_request: '0.01', source: 'what if' }
      expect((await post('simulate', { ...PERIOD, prices: [row] })).body.totals[0]).toMatchObject({ simulated: '0.0500000001', difference: '0.0497500001' })
      expect((await post('simulate', { ...PERIOD, prices: [{ ...row, model: 'other' }], replace: true })).body).toMatchObject({ totals: [{ simulated: '0' }], calls: { unpriced: 5 } })
      expect((await post('simulate', { ...PERIOD, prices: [{ ...row, tenant: slug }], changes: [{ tenant: slug, percent: '+100' }] })).body.totals[0].simulated).toBe('0.1000000002')
      expect((await admin.call('GET', '/admin/prices?model=phi3', { token })).body.data).toHaveLength(1)
    })

    it('of a period without calls is empty', async () => {
      expect((await post('simulate', { from: '2001-01-01', to: '2001-02-01' })).body).toMatchObject({ totals: [], models: [], tenants: [], calls: { priced: 0 } })
    })

    it.each([
      [{ to: '2026-01-01' }, 'from'],
      [{ from: 'yesterday', to: '2026-01-01' }, 'from'],
      [{ from: '2026-02-01', to: '2026-01-01' }, 'to'],
      [{ from: '2020-01-01', to: '2026-01-01' }, 'from'],
      [{ ...PERIOD, changes: [{ percent: 10 }] }, 'changes.0.percent'],
      [{ ...PERIOD, changes: [{ percent: '-100.000001' }] }, 'changes.0.percent'],
      [{ ...PERIOD, changes: [{ percent: '1e3' }] }, 'changes.0.percent'],
      [{ ...PERIOD, changes: [{ percent: '1', classes: ['gold'] }] }, 'changes.0.classes.0'],
      [{ ...PERIOD, changes: [{ percent: '1', modell: 'x' }] }, 'changes.0.modell'],
      [{ ...PERIOD, prices: [{ model: 'x', input_per_million: '0.1234567', output_per_million: '1', source: 's' }] }, 'prices.0.input_per_million'],
      [{ ...PERIOD, replace: true }, 'prices'],
    ])('refuses %j', async (body, path) => {
      const reply = await post('simulate', body)
      expect([reply.status, reply.body.errors[0]?.path]).toEqual([400, path])
    })

    it('answers 404 for a tenant that is none, wherever it is named', async () => {
      for (const body of [{ tenant: 'nobody' }, { changes: [{ tenant: 'nobody', percent: '1' }] }]) expect((await post('simulate', { ...PERIOD, ...body })).status).toBe(404)
    })
  })
})
