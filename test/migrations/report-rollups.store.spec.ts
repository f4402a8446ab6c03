import type { Client } from 'pg'
import { HalfMigrated } from './half-migrated'

const tenant = (n: number) => `019a0000-0000-7000-8000-00000000000${n}`

/** Stop before 0112, have hours of tenants of two currencies and days by host, migrate, look. */
describe('migration 0112', () => {
  let half: HalfMigrated
  let database: Client
  beforeAll(async () => {
    half = await HalfMigrated.before(112)
    database = half.database
  })
  afterAll(() => half.drop())

  it('folds the hours there are of all tenants by currency and the days by model, to the digit, and forces row security again', async () => {
    for (const [n, currency] of [[1, 'USD'], [2, 'USD'], [3, 'EUR']] as const)
      await database.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket, currency) VALUES ($1, $2, $2, 'standard', 'us-east', '{us-east}', 0, $3)`, [tenant(n), `t${n}`, currency])
    const add = (n: number, hour: string, pico: string, durations: string) =>
      database.query(
        `INSERT INTO usage_tenant_hourly (tenant_id, hour, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)
         VALUES ($1, $2, 1, 2, 3, 4, 5, 6, $3, 8, $4, 9, 10, 11)`,
        [tenant(n), hour, pico, durations],
      )
    await add(1, '2026-01-01T07:00Z', '9007199254740993', '1e132')
    await add(2, '2026-01-01T07:00Z', '1', '1')
    await add(3, '2026-01-01T07:00Z', '7', '1')
    await add(2, '2026-01-01T08:00Z', '5', '1')
    for (const [model, host, day] of [['a', 'x', '02'], ['a', 'y', '02'], ['b', 'x', '02'], ['a', 'x', '03']])
      await database.query(
        `INSERT INTO usage_daily (tenant_id, day, project_id, key_id, model, provider, region, host, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)
         VALUES ($1, $2, $1, $1, $3, 'p', 'r', $4, 1, 2, 3, 4, 5, 6, 9007199254740993, 8, 1, 9, 10, 11)`,
        [tenant(1), `2026-01-${day}T00:00Z`, model, host],
      )
    await half.migrate()
    const { rows } = await database.query(
      `SELECT ROW(currency, to_char(hour AT TIME ZONE 'UTC', 'HH24'), requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)::text AS row
       FROM usage_total_hourly ORDER BY hour, currency`,
    )
    expect(rows.map(({ row }) => row)).toEqual(['(EUR,07,1,2,3,4,5,6,7,8,1,9,10,11)', `(USD,07,2,4,6,8,10,12,9007199254740994,16,1${'0'.repeat(131)}1,18,20,22)`, '(USD,08,1,2,3,4,5,6,5,8,1,9,10,11)'])
    const { rows: days } = await database.query(
      `SELECT ROW(model, to_char(day AT TIME ZONE 'UTC', 'DD'), requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico)::text AS row
       FROM usage_model_daily WHERE tenant_id = $1 ORDER BY day, model`,
      [tenant(1)],
    )
    expect(days.map(({ row }) => row)).toEqual(['(a,02,2,4,6,8,10,12,18014398509481986,16,2,18,20,22)', '(b,02,1,2,3,4,5,6,9007199254740993,8,1,9,10,11)', '(a,03,1,2,3,4,5,6,9007199254740993,8,1,9,10,11)'])
    const { rows: security } = await database.query(`SELECT relname FROM pg_class WHERE relname IN ('tenant', 'usage_daily', 'usage_model_daily', 'usage_tenant_hourly', 'usage_total_hourly') AND relforcerowsecurity ORDER BY 1`)
    expect(security.map(({ relname }) => relname)).toEqual(['tenant', 'usage_daily', 'usage_model_daily', 'usage_tenant_hourly', 'usage_total_hourly'])
  })
})
