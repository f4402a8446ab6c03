import type { Client } from 'pg'
import { HalfMigrated } from './half-migrated'

/** Stop before 0011, insert what an installation may hold, migrate, look. */
describe('migration 0011', () => {
  let half: HalfMigrated
  let database: Client
  beforeAll(async () => {
    half = await HalfMigrated.before(11)
    database = half.database
  })
  afterAll(() => half.drop())

  it('keeps every price as it is, in the tariff, and notes what hosts cost from now on', async () => {
    await database.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket, currency) VALUES ('019a0000-0000-7000-8000-000000000001', 'acme', 'Acme', 'free', 'us-east', '{us-east}', 0, 'JPY')`)
    // A price of the seed's own model, one whose GPU-second is no whole pico a millisecond, and one of a tenant in yen.
    await database.query(`INSERT INTO price (id, tenant_id, model, provider, effective_at, currency, input_pico, output_pico, gpu_second_pico, source) VALUES
      ('019a0000-0000-7000-8000-0000000000a1', NULL, 'gpt-4o', 'openai', '2020-01-01', 'USD', 1, 1, NULL, 'old'),
      ('019a0000-0000-7000-8000-0000000000a2', NULL, '*', NULL, '2020-01-01', 'USD', 1, 1, 1234567, 'old'),
      ('019a0000-0000-7000-8000-0000000000a3', '019a0000-0000-7000-8000-000000000001', 'm', 'openai', '2999-01-01', 'JPY', 0, 10000000000000, NULL, 'old')`)
    const host = (id: number, cost: string) => database.query(`INSERT INTO host (id, name, region, provider, base_url, cost_per_hour_pico) VALUES ($1, $2, 'us-east', 'ollama', 'http://x', ${cost})`, [`019a0000-0000-7000-8000-00000000000${id}`, `h${id}`])
    await host(1, '2500000000000')
    await host(2, 'NULL')
    await host(3, '0')
    const before = await database.query('SELECT * FROM price ORDER BY id')

    await half.migrate()

    const after = await database.query(`SELECT * FROM price WHERE source = 'old' ORDER BY id`)
    expect(after.rows).toEqual(before.rows.map((row) => ({ ...row, book: 'tariff' })))
    expect((await database.query('SELECT host, cost_per_hour_pico FROM host_cost ORDER BY host')).rows).toEqual([{ host: 'h1', cost_per_hour_pico: '2500000000000' }, { host: 'h3', cost_per_hour_pico: '0' }])
    await expect(database.query(`DELETE FROM price WHERE source = 'old'`)).rejects.toThrow('never changed')
  })
})
