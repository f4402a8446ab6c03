import { createHash } from 'node:crypto'
import { ClaimsFixture } from '../usage/claims-fixture'
import { Database } from '@tollgate/platform/postgres'
import { LedgerChainStore } from './ledger-chain.store'
import { LedgerSealService } from './ledger-seal.service'
import { LedgerSealStore } from './ledger-seal.store'
import { LedgerVerifyService, type ChainReport } from './ledger-verify.service'

let world: ClaimsFixture
let admin: Database
let seal: LedgerSealService
let verifier: LedgerVerifyService
beforeAll(async () => {
  world = await ClaimsFixture.start()
  admin = await Database.connect({ url: world.database.adminUrl, role: 'tg_admin', entities: [], poolSize: 2 })
  seal = new LedgerSealService(new LedgerSealStore(world.worker))
  verifier = new LedgerVerifyService(new LedgerChainStore(admin))
})
afterAll(async () => {
  await admin.close()
  await world.stop()
})

const verify = async (tenant: string, head?: { seq: number; hash: string }): Promise<ChainReport> => (await verifier.verify(tenant, head))[0]!
const post = (tenant: string, count: number) => world.store.commitBatch(Array.from({ length: count }, () => world.claim(tenant)))
const links = async (tenant: string) => (await world.owner.query<{ seq: string; rid: string }>('SELECT seq::text, rid FROM ledger_seal s WHERE tenant_id = $1 ORDER BY s.seq', [tenant])).rows
/** A tenant whose ledger of twelve calls is sealed, with the request id of each link. */
async function sealedTenant(): Promise<{ tenant: string; rids: string[] }> {
  const tenant = await world.tenant()
  await post(tenant, 12)
  await seal.sealWaiting()
  return { tenant, rids: (await links(tenant)).map(({ rid }) => rid) }
}

describe('sealing', () => {
  it('takes every ledger row exactly once, numbered without a gap, however it came', async () => {
    const [one, other] = [await world.tenant(), await world.tenant()]
    await post(one, 30)
    await post(other, 20)
    await world.gateway.withTenant(one, (tx) => tx.query('SELECT * FROM apply_claims($1::jsonb)', [JSON.stringify([world.claim(one)])]))
    expect(await seal.sealWaiting()).toBe(51)
    expect(await seal.sealWaiting()).toBe(0)
    await post(one, 5)
    expect(await seal.sealWaiting()).toBe(5)
    for (const [tenant, count] of [[one, 36], [other, 20]] as const) {
      const rows = await links(tenant)
      expect(rows.map(({ seq }) => Number(seq))).toEqual(Array.from({ length: count }, (_, i) => i + 1))
      expect(new Set(rows.map(({ rid }) => rid)).size).toBe(count)
      expect(await verify(tenant)).toMatchObject({ sealed: count, unsealed: 0, problem: null })
    }
  })

  it('by several workers at once, while calls are posted, seals each row once', async () => {
    const tenants = await Promise.all([world.tenant(), world.tenant(), world.tenant()])
    let isDone = false
    const posting = Promise.all(tenants.map(async (tenant) => {
      for (let i = 0; i < 20; i++) await post(tenant, 7)
    })).then(() => (isDone = true))
    const workers = Array.from({ length: 4 }, async () => {
      while (!isDone) await seal.sealWaiting()
    })
    await Promise.all([posting, ...workers])
    await seal.sealWaiting()
    for (const tenant of tenants) expect(await verify(tenant)).toMatchObject({ sealed: 140, unsealed: 0, problem: null })
  })

  it('a late correction is a link of its own; the estimate it replaced stays sealed', async () => {
    const tenant = await world.tenant()
    const swept = world.claim(tenant, { rank: 0, amount_pico: '400', status: 'swept' })
    await world.store.commitBatch([swept])
    await seal.sealWaiting()
    await world.store.commitBatch([{ ...world.claim(tenant), rid: swept.rid }])
    expect(await verify(tenant)).toMatchObject({ sealed: 1, unsealed: 1, problem: null })
    await seal.sealWaiting()
    expect(await verify(tenant)).toMatchObject({ sealed: 2, unsealed: 0, problem: null })
    await world.owner.query('UPDATE usage SET amount_pico = 999 WHERE rid = $1', [swept.rid])
    expect((await verify(tenant)).problem).toMatchObject({ kind: 'altered', what: 'usage', seq: 2, rid: swept.rid, rank: 1 })
  })

  it('estimate and correction in one batch are two links', async () => {
    const tenant = await world.tenant()
    const swept = world.claim(tenant, { rank: 0, amount_pico: '400', status: 'swept' })
    await world.store.commitBatch([swept])
    await world.store.commitBatch([{ ...world.claim(tenant), rid: swept.rid }])
    await seal.sealWaiting()
    expect(await verify(tenant)).toMatchObject({ sealed: 2, unsealed: 0, problem: null })
    const { rows } = await world.owner.query('SELECT rank, usage_hash IS NULL AS replaced FROM ledger_seal WHERE tenant_id = $1 ORDER BY seq', [tenant])
    expect(rows).toEqual([{ rank: 0, replaced: true }, { rank: 1, replaced: false }])
  })

  it('hashes a text that anybody can write again: compact JSON of every column, whatever is in it', async () => {
    const tenant = await world.tenant()
    const odd = 'a"b\\c/d\ne\tf\u0001g\u007f\u2028\u00e9\u6f22\ud83d\ude00{},[]null'
    const claim = world.claim(tenant, { requested_model: odd, raw_usage: JSON.stringify({ odd }), flags: ['x', odd], error_code: '', finish_reason: null })
    await world.store.commitBatch([claim])
    await seal.sealWaiting()
    const plain = ['rank', 'amount_pico', 'budgets', 'project_id', 'key_id', 'surface', 'requested_model', 'model', 'provider', 'region', 'host', 'status', 'error_code', 'finish_reason', 'is_stream', 'prompt_tokens', 'completion_tokens', 'cached_tokens',
      'cache_write_tokens', 'reasoning_tokens', 'usage_source', 'raw_usage', 'flags', 'price_id', 'duration_ms', 'first_event_ms', 'attempts'].map((column) => `u.${column}::text`)
    const times = ['started_at', 'recorded_at'].map((column) => `(extract(epoch FROM u.${column}) * 1000000)::bigint::text`)
    const { rows: [row] } = await world.owner.query({ rowMode: 'array', text: `SELECT encode(s.usage_hash, 'hex'), ${[...plain, ...times].join(', ')} FROM usage u JOIN ledger_seal s ON s.rid = u.rid WHERE u.rid = $1`, values: [claim.rid] })
    const [hash, ...columns] = row as unknown as string[]
    expect(columns[6]).toBe(odd)
    expect(hash).toBe(createHash('sha256').update(JSON.stringify(['tollgate usage 1', ...columns])).digest('hex'))
  })

  it('is left to the worker that is at it, without waiting', async () => {
    const tenant = await world.tenant()
    await post(tenant, 3)
    await world.owner.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('tollgate ledger seal', 0))`)
    expect(await seal.sealWaiting()).toBe(0)
    await world.owner.query('COMMIT')
    expect(await seal.sealWaiting()).toBe(3)
  })

  it('is not for the gateway, and no role may change or remove a link', async () => {
    const { tenant } = await sealedTenant()
    await expect(world.gateway.withTenant(tenant, (tx) => tx.query('SELECT * FROM ledger_seal'))).rejects.toThrow('permission denied')
    await expect(world.gateway.withTenant(tenant, (tx) => tx.query('DELETE FROM ledger_unsealed'))).rejects.toThrow('permission denied')
    for (const database of [world.worker, admin]) for (const sql of ['UPDATE ledger_seal SET hash = hash', 'DELETE FROM ledger_seal', 'TRUNCATE ledger_seal']) await expect(database.query(sql)).rejects.toThrow('permission denied')
    await expect(admin.query(`INSERT INTO ledger_seal (tenant_id, seq, day, rid, rank, hash) VALUES ($1, 99, now(), $1, 1, decode(repeat('00', 32), 'hex'))`, [tenant])).rejects.toThrow('permission denied')
  })
})

describe('verifying', () => {
  const COLUMNS: [string, string][] = [
    ['ledger.delta_pico', 'UPDATE ledger SET delta_pico = delta_pico + 1 WHERE rid = $1'],
    ['ledger.recorded_at', `UPDATE ledger SET recorded_at = recorded_at + interval '1 microsecond' WHERE rid = $1`],
    ['ledger.tenant_id', `UPDATE ledger SET tenant_id = '019a0000-0000-7000-8000-000000000001' WHERE rid = $1`],
    ['ledger_seal.hash', `UPDATE ledger_seal SET hash = decode(repeat('ab', 32), 'hex') WHERE rid = $1`],
    ['ledger_seal.usage_hash', 'UPDATE ledger_seal SET usage_hash = NULL WHERE rid = $1'],
  ]
  it.each(COLUMNS)('names the row whose %s was altered', async (_column, sql) => {
    const { tenant, rids } = await sealedTenant()
    await world.owner.query(sql, [rids[4]])
    expect(await verify(tenant)).toMatchObject({ sealed: 4, problem: { kind: 'altered', what: 'ledger', seq: 5, rid: rids[4], rank: 1 } })
  })

  it('names a usage row of which any column was altered', async () => {
    const { rows } = await world.owner.query<{ name: string; type: string }>(`SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'usage'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL ('{tenant_id,day,rid,rank}')`)
    const values: Record<string, string> = { text: `'failed'`, boolean: 'true', 'text[]': `'{x}'`, uuid: `'019a0000-0000-7000-8000-000000000001'`, 'timestamp with time zone': `'2020-01-01'`, bigint: '4', integer: '4', smallint: '4' }
    const ODD: Record<string, string> = { usage_source: `'estimated'`, allowed_regions: 'ARRAY[region]' }
    expect(rows.length).toBeGreaterThan(25)
    for (const { name, type } of rows) {
      const { tenant, rids } = await sealedTenant()
      await world.owner.query(`UPDATE usage SET ${name} = ${ODD[name] ?? values[type]} WHERE rid = $1`, [rids[6]])
      expect([name, (await verify(tenant)).problem]).toEqual([name, expect.objectContaining({ kind: 'altered', what: 'usage', seq: 7, rid: rids[6] })])
    }
  })

  it.each(['NULL', `'019a0000-0000-7000-8000-000000000001'`])('names a call whose parent became %s, and believes one that has its own', async (parent) => {
    const tenant = await world.tenant()
    const claim = world.claim(tenant)
    await world.store.commitBatch([{ ...claim, parent_rid: claim.rid }])
    await seal.sealWaiting()
    expect(await verify(tenant)).toMatchObject({ sealed: 1, problem: null })
    await world.owner.query(`UPDATE usage SET parent_rid = ${parent} WHERE rid = $1`, [claim.rid])
    expect((await verify(tenant)).problem).toMatchObject({ kind: 'altered', what: 'usage', seq: 1, rid: claim.rid })
  })

  it.each([
    ['ledger', 'DELETE FROM ledger WHERE rid = $1', 'removed', 'ledger'],
    ['usage', 'DELETE FROM usage WHERE rid = $1', 'removed', 'usage'],
  ])('names a removed row of %s', async (_table, sql, kind, what) => {
    const { tenant, rids } = await sealedTenant()
    await world.owner.query(sql, [rids[2]])
    expect((await verify(tenant)).problem).toMatchObject({ kind, what, seq: 3, rid: rids[2] })
  })

  it('names a removed link, at its place and at the end', async () => {
    const { tenant, rids } = await sealedTenant()
    await world.owner.query('DELETE FROM ledger_seal WHERE tenant_id = $1 AND seq = 12', [tenant])
    expect((await verify(tenant)).problem).toMatchObject({ kind: 'inserted', what: 'ledger', seq: null, rid: rids[11] })
    await world.owner.query('DELETE FROM ledger_seal WHERE tenant_id = $1 AND seq = 6', [tenant])
    expect((await verify(tenant)).problem).toMatchObject({ kind: 'removed', what: 'chain', seq: 6 })
  })

  it('walks a chain longer than what is read at once, and past a gap in it', async () => {
    const tenant = await world.tenant()
    for (let i = 0; i < 5; i++) await post(tenant, 900)
    await seal.sealWaiting()
    expect(await verify(tenant)).toMatchObject({ sealed: 4_500, unsealed: 0, problem: null, head: { seq: 4_500 } })
    const { rows: [{ rid }] } = await world.owner.query('UPDATE ledger SET delta_pico = 1 WHERE rid = (SELECT rid FROM ledger_seal WHERE tenant_id = $1 AND seq = 4100) RETURNING rid', [tenant])
    expect((await verify(tenant)).problem).toMatchObject({ kind: 'altered', seq: 4_100, rid })
    await world.owner.query('DELETE FROM ledger_seal WHERE tenant_id = $1 AND seq BETWEEN 1990 AND 2010', [tenant])
    expect((await verify(tenant)).problem).toMatchObject({ kind: 'removed', what: 'chain', seq: 1_990 })
  })

  it('names the first of two links that changed places', async () => {
    const { tenant, rids } = await sealedTenant()
    for (const [from, to] of [[4, 999], [9, 4], [999, 9]]) await world.owner.query('UPDATE ledger_seal SET seq = $3 WHERE tenant_id = $1 AND seq = $2', [tenant, from, to])
    expect((await verify(tenant)).problem).toMatchObject({ kind: 'reordered', seq: 4, rid: rids[8] })
  })

  it('names an inserted ledger row, whether it came by the queue or past it', async () => {
    const row = (tenant: string, table: string) => world.owner.query(`INSERT INTO ${table} (tenant_id, day, rid, rank, delta_pico, recorded_at) VALUES ($1, '2001-01-01', $2, 1, 5, now()) RETURNING rid`, [tenant, world.uuid()])
    const past = await sealedTenant()
    const { rows: [{ rid }] } = await row(past.tenant, 'ledger_default')
    expect((await verify(past.tenant)).problem).toMatchObject({ kind: 'inserted', what: 'ledger', rid })
    const queued = await sealedTenant()
    const { rows: [{ rid: other }] } = await row(queued.tenant, 'ledger')
    expect(await verify(queued.tenant)).toMatchObject({ unsealed: 1, problem: { kind: 'inserted', what: 'ledger', rid: other } })
    await seal.sealWaiting()
    expect((await verify(queued.tenant)).problem).toMatchObject({ kind: 'inserted', what: 'ledger', seq: 13, rid: other })
  })

  it('names a row that was removed before it was sealed', async () => {
    const { tenant } = await sealedTenant()
    await post(tenant, 3)
    const { rows: [{ rid }] } = await world.owner.query('DELETE FROM ledger WHERE rid = (SELECT max(rid::text)::uuid FROM ledger WHERE tenant_id = $1) RETURNING rid', [tenant])
    expect(await verify(tenant)).toMatchObject({ unsealed: 3, problem: { kind: 'removed', what: 'ledger', rid } })
    await seal.sealWaiting()
    expect(await verify(tenant)).toMatchObject({ sealed: 14, unsealed: 1, problem: { kind: 'removed', rid } })
  })

  it('tells a chain that was cut or written anew from a head that was kept outside', async () => {
    const { tenant, rids } = await sealedTenant()
    const { head } = await verify(tenant)
    expect((await verify(tenant, head)).problem).toBeNull()
    await post(tenant, 1)
    await seal.sealWaiting()
    expect((await verify(tenant, head)).problem).toBeNull()
    expect((await verify(tenant, { seq: 3, hash: 'ab'.repeat(32) })).problem).toMatchObject({ kind: 'altered', what: 'chain', seq: 3, rid: rids[2] })
    await world.owner.query('DELETE FROM ledger_seal WHERE tenant_id = $1 AND seq > 11', [tenant])
    for (const table of ['ledger', 'usage']) await world.owner.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND rid NOT IN (SELECT rid FROM ledger_seal WHERE tenant_id = $1)`, [tenant])
    expect((await verify(tenant)).problem).toBeNull()
    expect((await verify(tenant, head)).problem).toMatchObject({ kind: 'removed', what: 'chain', seq: 12 })
  })

  it('walks what is sealed while it walks, so that both counts are of one instant', async () => {
    /** Another worker seals just after the links were read. */
    class SealedMeanwhile extends LedgerChainStore {
      override async strayRow(tenantId: string) {
        await seal.sealWaiting()
        return super.strayRow(tenantId)
      }
    }
    const { tenant } = await sealedTenant()
    await post(tenant, 3)
    const [report] = await new LedgerVerifyService(new SealedMeanwhile(admin)).verify(tenant)
    expect(report).toMatchObject({ sealed: 15, unsealed: 0, problem: null })
  })

  it('walks every tenant, also one that was removed, and one without calls', async () => {
    const [bare, gone] = [await world.tenant(), await sealedTenant()]
    await world.owner.query('DELETE FROM tenant WHERE id = $1', [gone.tenant])
    const reports = new Map((await verifier.verify(null)).map((report) => [report.id, report]))
    expect(reports.get(bare)).toMatchObject({ slug: `t-${bare}`, sealed: 0, unsealed: 0, problem: null })
    expect(reports.get(gone.tenant)).toMatchObject({ slug: null, sealed: 12, problem: null })
  })
})
