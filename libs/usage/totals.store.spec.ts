import { balanced, ClaimsFixture } from './claims-fixture'
import { ClaimStore } from './claim.store'
import { TotalsStore } from './totals.store'

describe('the hours of all tenants', () => {
  let world: ClaimsFixture
  let totals: TotalsStore
  beforeAll(async () => {
    world = await ClaimsFixture.start()
    totals = new TotalsStore(world.worker)
  })
  afterAll(() => world.stop())

  const rows = async (columns: string) => (await world.owner.query({ text: `SELECT ${columns} FROM usage_total_hourly ORDER BY 1, 2`, rowMode: 'array' })).rows

  it('are a row a booking, by currency and hour, until they are merged into one: corrections too', async () => {
    const [dollars, euros] = [await world.tenant(), await world.tenant('EUR')]
    const finals = [dollars, euros, dollars].map((tenant) => world.claim(tenant))
    const estimates = finals.map((claim) => ({ ...claim, rank: 0 as const, amount_pico: '300', status: 'swept' as const, provider_attempts: [] }))
    await world.store.commitBatch(estimates)
    for (const final of finals) await world.store.commitBatch([final])
    expect(await rows('currency, id, requests::int, cost_pico::int')).toEqual([
      ['EUR', expect.anything(), 1, 300], ['EUR', expect.anything(), 0, 700],
      ['USD', expect.anything(), 2, 600], ['USD', expect.anything(), 0, 700], ['USD', expect.anything(), 0, 700],
    ])
    expect(await world.wrongRollups(dollars)).toEqual([])
    await totals.merge()
    expect(await rows('currency, requests::int, cost_pico::int, prompt_tokens::int, attempts::int')).toEqual([['EUR', 1, 1_000, 10, 1], ['USD', 2, 2_000, 20, 2]])
    expect(await world.wrongRollups(dollars)).toEqual([])
    const ids = await rows('id::text, 1')
    await totals.merge()
    expect(await rows('id::text, 1')).toEqual(ids)
  })

  it('are merged in steps where many wait, each into the sum there is', async () => {
    const tenant = await world.tenant('CHF')
    const today = world.claim(tenant).day
    for (let i = 0; i < 7; i++) await world.store.commitBatch([world.claim(tenant, { started_at: `${today}T0${i % 3}:30:00Z` })])
    await totals.merge(2)
    expect((await rows('currency, hour, requests::int')).filter(([currency]) => currency === 'CHF').map(([, hour, requests]) => [(hour as Date).getUTCHours(), requests])).toEqual([[0, 3], [1, 2], [2, 2]])
    expect(await world.wrongRollups(tenant)).toEqual([])
  })

  it('are added to by gateways, who read nothing of them', async () => {
    const tenant = await world.tenant()
    const strict = new ClaimStore(world.gateway)
    await strict.commitPerTenant([world.claim(tenant)])
    expect(await world.books(tenant)).toEqual(balanced(1, 1_000n))
    expect(await world.wrongRollups(tenant)).toEqual([])
    await expect(world.gateway.asPlatform((tx) => tx.query(`INSERT INTO usage_total_hourly (currency, hour, requests, failures, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_pico, duration_ms, durations, attempts, uncosted_attempts, provider_cost_pico) VALUES ('USD', now(), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)`))).rejects.toThrow('row-level security')
    for (const statement of ['SELECT count(*) FROM usage_total_hourly', 'DELETE FROM usage_total_hourly', 'UPDATE usage_total_hourly SET requests = 0']) await expect(world.gateway.asPlatform((tx) => tx.query(statement))).rejects.toThrow('permission denied')
  })

  it('hold up nobody: a booking goes on while another of the same hour, by a gateway or the worker, is not committed', async () => {
    const [one, other, third] = [await world.tenant(), await world.tenant(), await world.tenant()]
    const book = (tenant: string) => JSON.stringify([world.claim(tenant)])
    await world.gateway.asPlatform(async (tx) => {
      await tx.query(`SELECT set_config('app.tenant', $1, true)`, [one])
      await tx.query('SELECT FROM apply_claims($1::jsonb)', [book(one)])
      await world.store.commitBatch([world.claim(other)])
      await new ClaimStore(world.gateway).commitPerTenant([world.claim(third)])
      await totals.merge()
    })
    expect(await world.wrongRollups(one)).toEqual([])
  })
})
