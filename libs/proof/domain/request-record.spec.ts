import fc from 'fast-check'
import { uuidv7 } from '../../kernel'
import { daysOfRequest, operatorRecord, tenantRecord, type RequestRecord } from './request-record'

const DAY_MS = 86_400_000

describe('the days of a request id', () => {
  it('hold the day of its call, for clocks that differ by hours and keys that are used again within a day', () => {
    fc.assert(fc.property(fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2100, 0) }), fc.integer({ min: -4 * 3_600_000, max: DAY_MS + 3_600_000 }), (ms, lateMs) => {
      expect(daysOfRequest(uuidv7(ms, new Uint8Array(10)))).toContain(new Date(ms + lateMs).toISOString().slice(0, 10))
    }), { examples: [[Date.UTC(2026, 10, 21, 23, 30), DAY_MS + 3_600_000], [Date.UTC(2026, 10, 21, 0, 30), -3_600_000]] })
  })

  it('are none of an id that no gateway makes', () => {
    for (const id of ['7d444840-9dc0-41d1-b245-5ffdce74fad2', 'ffffffff-ffff-7fff-8fff-ffffffffffff', '00000000-0000-0000-0000-000000000000']) expect(daysOfRequest(id)).toEqual([])
  })
})

describe('a record', () => {
  const record = {
    rid: 'r', tenant_id: 't', tenant_slug: 'acme', currency: 'EUR', project_id: 'p', key_id: 'k', started_at: new Date(0), amount_pico: '1', prompt_tokens: '2', completion_tokens: '3', cached_tokens: '0', cache_write_tokens: '0', reasoning_tokens: '0',
    usage_source: 'provider', raw_usage: '{"a":{"b":1}}', flags: [], attempts: [{ attempt: 1, host: 'h', provider: 'o', region: 'r', model: 'm', outcome: 'refused: connect ECONNREFUSED: 10.0.0.7', duration_ms: 1, cost_pico: '7' }],
    price: null, ledger: [{ rank: 0, delta_pico: '5', recorded_at: 'x' }, { rank: 1, delta_pico: '-4', recorded_at: 'y' }],
  } as unknown as RequestRecord

  it('tells its tenant nothing of causes, cost and keys', () => {
    const told = tenantRecord(record)
    expect(told.attempts).toEqual([{ attempt: 1, host: 'h', provider: 'o', region: 'r', model: 'm', outcome: 'refused', duration_ms: 1 }])
    expect(told).not.toHaveProperty('key_id')
    expect(JSON.stringify(told)).not.toMatch(/ECONNREFUSED|cost_pico|0\.000000000007/)
  })

  it('tells operators both, and each ledger row with its sign', () => {
    expect(operatorRecord(record)).toMatchObject({ tenant: { id: 't', slug: 'acme' }, key_id: 'k', attempts: [{ outcome: 'refused: connect ECONNREFUSED: 10.0.0.7', cost: '0.000000000007' }], ledger: [{ delta: '0.000000000005' }, { delta: '-0.000000000004' }] })
  })

  it('of a request that was several calls shows them all, and their exact sum', () => {
    const children = [{ id: 'r', model: 'm', status: 'completed', cost_pico: '100000000000000001' }, { id: 's', model: 'n', status: 'failed', cost_pico: '0' }, { id: 't', model: 'm', status: 'completed', cost_pico: '2' }]
    expect(tenantRecord({ ...record, parent_rid: 'r', children })).toMatchObject({ parent_id: 'r', children: { cost: '100000.000000000003', requests: [{ id: 'r', model: 'm', status: 'completed', cost: '100000.000000000001' }, { id: 's', status: 'failed', cost: '0' }, { id: 't' }] } })
    expect(tenantRecord({ ...record, parent_rid: null, children: null })).toMatchObject({ parent_id: null, children: null })
  })

  it("shows the provider's own object, and as text what is none", () => {
    const shown = (raw_usage: string | null) => tenantRecord({ ...record, raw_usage }).raw_usage
    expect([shown('{"a":{"b":1}}'), shown('{"a":'), shown(null)]).toEqual([{ a: { b: 1 } }, '{"a":', null])
  })
})
