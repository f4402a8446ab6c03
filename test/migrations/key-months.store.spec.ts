import type { Client } from 'pg'
import { HalfMigrated } from './half-migrated'

const [TENANT, KEY, PROJECT, NO_PROJECT] = ['019a0000-0000-7000-8000-000000000001', '019a0000-0000-7000-8000-0000000000a1', '019a0000-0000-7000-8000-0000000000b1', '00000000-0000-0000-0000-000000000000']

/** Stop before 0111, have months by model and host, migrate, look. */
describe('migration 0111', () => {
  let half: HalfMigrated
  let database: Client
  beforeAll(async () => {
    half = await HalfMigrated.before(111)
    database = half.database
  })
  afterAll(() => half.drop())

  it('folds the months there are by project and key, to the digit, and forces row security again', async () => {
    const add = (month: string, project: string, model: string, host: string, pico: string, durations: string) =>
      database.query(
        `INSERT INTO usage_monthly (tenant_id, month, project_id, key_id, model, provider, region, host, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)
         VALUES ($1, $2, $3, $4, $5, 'p', 'r', $6, 1, 2, 3, 4, 5, 6, $7, 8, $8, 9, 10, 11)`,
        [TENANT, month, project, KEY, model, host, pico, durations],
      )
    await add('2026-01-01T00:00Z', PROJECT, 'a', 'x', '9007199254740993', '1e132')
    await add('2026-01-01T00:00Z', PROJECT, 'a', 'y', '1', '1')
    await add('2026-01-01T00:00Z', PROJECT, 'b', 'x', '0', '0')
    await add('2026-01-01T00:00Z', NO_PROJECT, 'a', 'x', '7', '1')
    await add('2026-02-01T00:00Z', PROJECT, 'a', 'x', '5', '1')
    await half.migrate()
    const { rows } = await database.query(
      `SELECT ROW(to_char(month AT TIME ZONE 'UTC', 'MM'), right(project_id::text, 2), requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)::text AS row
       FROM usage_key_monthly WHERE tenant_id = $1 AND key_id = $2 ORDER BY month, project_id`,
      [TENANT, KEY],
    )
    expect(rows.map(({ row }) => row)).toEqual(['(01,00,1,2,3,4,5,6,7,8,1,9,10,11)', `(01,b1,3,6,9,12,15,18,9007199254740994,24,1${'0'.repeat(131)}1,27,30,33)`, '(02,b1,1,2,3,4,5,6,5,8,1,9,10,11)'])
    const { rows: security } = await database.query(`SELECT relname, relforcerowsecurity AS forced FROM pg_class WHERE relname IN ('usage_monthly', 'usage_key_monthly') ORDER BY 1`)
    expect(security).toEqual([{ relname: 'usage_key_monthly', forced: true }, { relname: 'usage_monthly', forced: true }])
  })
})
