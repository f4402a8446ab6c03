import type { Client } from 'pg'
import { HalfMigrated } from './half-migrated'

/** Stop before 0016, make tenants that are called prepaid, migrate, look. */
describe('migration 0016', () => {
  let half: HalfMigrated
  let database: Client
  beforeAll(async () => {
    half = await HalfMigrated.before(16)
    database = half.database
  })
  afterAll(() => half.drop())

  it('cuts nobody off: who was called prepaid has no credit yet and becomes postpaid, and every key is found as before', async () => {
    for (const [at, billing] of ['prepaid', 'postpaid'].entries()) {
      const id = `019a0000-0000-7000-8000-00000000000${at}`
      await database.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket, billing, max_budget_pico) VALUES ($1, $2, 'x', 'free', 'us-east', '{us-east}', 1, $2, 9007199254740993)`, [id, billing])
      await database.query(`INSERT INTO project (tenant_id, id, slug, name) VALUES ($1, $1, 'web', 'Web')`, [id])
      await database.query(`INSERT INTO api_key (tenant_id, id, public_id, key_hash, pepper_version, key_prefix, name) VALUES ($1, $1, $2, '\\x00', 1, 'x', 'x')`, [id, `00000000000${at}`])
    }
    const record = async (at: number) => (await database.query('SELECT find_api_key($1) AS record', [`00000000000${at}`])).rows[0].record
    const before = [await record(0), await record(1)]
    await half.migrate()
    const added = { credit_pico: null }
    expect(await record(1)).toEqual({ key: { ...before[1].key, soft_budget_pico: null }, tenant: { ...before[1].tenant, ...added }, projects: [{ ...before[1].projects[0], soft_budget_pico: null }] })
    expect((await record(0)).tenant).toMatchObject({ billing: 'postpaid', auth_epoch: 2, ...added, max_budget_pico: '9007199254740993' })
    const { rows } = await database.query(`SELECT relname, relforcerowsecurity AS forced FROM pg_class WHERE relname IN ('tenant', 'credit_grant') ORDER BY 1`)
    expect(rows).toEqual([{ relname: 'credit_grant', forced: true }, { relname: 'tenant', forced: true }])
  })
})
