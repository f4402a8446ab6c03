import { Client } from 'pg'
import { eventually } from '../support'
import { HalfMigrated } from './half-migrated'

const [TENANT, RID] = ['019a0000-0000-7000-8000-000000000001', '019a0000-0000-7000-8000-0000000000c1']
const DAY = new Date().toISOString().slice(0, 10)
const CLAIM = {
  tenant_id: TENANT, day: DAY, rid: RID, rank: 1, amount_pico: '1000', budgets: [], project_id: null, key_id: TENANT, surface: 'chat', requested_model: 'm', model: 'm', provider: 'p', region: 'us-east', host: 'h', allowed_regions: ['us-east'],
  status: 'completed', is_stream: false, prompt_tokens: 1, completion_tokens: 2, cached_tokens: 0, cache_write_tokens: 0, reasoning_tokens: 0, usage_source: 'provider', flags: [], duration_ms: 3, attempts: 0, started_at: `${DAY}T00:00:01Z`, provider_attempts: [],
}

/** Migrations that fold what is there into a new table, and have `post_entries` fold what comes. */
describe.each([
  [41, 'usage_tenant_hourly'],
  [44, 'usage_monthly'],
  [111, 'usage_key_monthly'],
  [112, 'usage_total_hourly'],
  [112, 'usage_model_daily'],
])('migration %d, while a call is being booked by the function as it was', (number, table) => {
  let half: HalfMigrated
  let booking: Client
  let holding: Client
  beforeAll(async () => {
    half = await HalfMigrated.before(number)
    ;[booking, holding] = [await half.connect(), await half.connect()]
  })
  afterAll(async () => {
    await Promise.all([booking.end(), holding.end()])
    await half.drop()
  })

  it(`leaves nothing out of ${table}`, async () => {
    await half.database.query(`INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, bucket) VALUES ($1, 't', 't', 'standard', 'us-east', '{us-east}', 0)`, [TENANT])
    // The booking waits at the ledger, in the middle of the old post_entries, until this row is taken back.
    await holding.query('BEGIN')
    await holding.query('INSERT INTO ledger (tenant_id, day, rid, rank, delta_pico, recorded_at) VALUES ($1, $2, $3, 1, 0, now())', [TENANT, DAY, RID])
    const booked = booking.query('SELECT * FROM apply_claims($1::jsonb)', [JSON.stringify([CLAIM])])
    const waiting = async () => (await holding.query<{ count: number }>(`SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)).rows[0]!.count
    await eventually(async () => expect(await waiting()).toBe(1))
    let isMigrated = false
    const migrated = half.migrate().finally(() => (isMigrated = true))
    await eventually(async () => expect(isMigrated || (await waiting()) === 2).toBe(true))
    await holding.query('ROLLBACK')
    await Promise.all([booked, migrated])
    const { rows } = await half.database.query(`SELECT sum(cost_pico)::int AS pico, sum(requests)::int AS requests FROM ${table}`)
    expect(rows).toEqual([{ pico: 1_000, requests: 1 }])
  })
})
