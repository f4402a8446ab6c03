import type { Client } from 'pg'
import { HalfMigrated } from './half-migrated'

const TENANT = '019a0000-0000-7000-8000-000000000001'

/** Stop before 0014, post to the ledger, migrate, look. */
describe('migration 0014', () => {
  let half: HalfMigrated
  let database: Client
  beforeAll(async () => {
    half = await HalfMigrated.before(14)
    database = half.database
  })
  afterAll(() => half.drop())

  const post = (rid: number, day: string) => database.query(`INSERT INTO ledger (tenant_id, day, rid, rank, delta_pico, recorded_at) VALUES ($1, $2, $3, 1, 5, now())`, [TENANT, day, `019a0000-0000-7000-8000-0000000000a${rid}`])
  const queued = async () => (await database.query<{ rid: string }>('SELECT right(rid::text, 2) AS rid FROM ledger_unsealed ORDER BY 1')).rows.map(({ rid }) => rid)

  it('queues what was posted before it, and whatever is posted after it in any month, old or new', async () => {
    const today = new Date().toISOString().slice(0, 10)
    await post(1, today)
    await post(2, '2001-02-03')
    await half.migrate()
    expect(await queued()).toEqual(['a1', 'a2'])
    await post(3, today)
    await database.query(`SELECT ensure_usage_partitions('2041-01-01', 0)`)
    await post(4, '2041-01-31')
    expect(await queued()).toEqual(['a1', 'a2', 'a3', 'a4'])
    const { rows } = await database.query(`SELECT relforcerowsecurity AS forced FROM pg_class WHERE relname = 'ledger'`)
    expect(rows).toEqual([{ forced: true }])
  })
})
