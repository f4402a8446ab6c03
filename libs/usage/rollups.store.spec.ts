import { eventually } from '../../test/support'
import { balanced, ClaimsFixture } from './claims-fixture'
import type { UsageClaim } from './domain/claim'
import { TotalsStore } from './totals.store'

let world: ClaimsFixture
beforeAll(async () => {
  world = await ClaimsFixture.start()
})
afterAll(() => world.stop())

const attempt = (number: number, host: string, cost_pico: string | null) => ({ attempt: number, host, provider: 'ollama', region: 'us-east', model: 'phi3:latest', outcome: 'completed', duration_ms: 5, cost_pico })
const swept = (claim: UsageClaim, over: object = {}): UsageClaim => ({ ...claim, rank: 0, amount_pico: '300', status: 'swept', host: '', provider: '', region: '', prompt_tokens: 4, completion_tokens: 3, cached_tokens: 0, reasoning_tokens: 0, duration_ms: 20_000, provider_attempts: [], ...over })
const ladder = [0, 10, 11, 25, 26, 50, 51, 100, 101, 250, 251, 500, 501, 1_000, 1_001, 2_500, 2_501, 5_000, 5_001, 10_000, 10_001, 30_000, 30_001, 2_147_483_647]

describe('the rollups', () => {
  it('fold every figure by hour and by day: tokens, cost, failures, durations, attempts and what they cost', async () => {
    const tenant = await world.tenant()
    const today = world.claim(tenant).day
    const claims = ladder.map((duration_ms, i) =>
      world.claim(tenant, { duration_ms, started_at: `${today}T${String(i).padStart(2, '0')}:59:59.999Z`, model: `m${i % 3}`, project_id: i % 2 ? tenant : null, status: i % 5 ? 'completed' : 'failed', amount_pico: String(10 ** (i % 15)), provider_attempts: [attempt(1, 'broken', i % 2 ? '7' : null), attempt(2, 'h', '11')] }),
    )
    await world.store.commitBatch(claims)
    expect(await world.wrongRollups(tenant)).toEqual([])
    const { rows } = await world.owner.query('SELECT sum(durations)::text AS durations, sum(attempts)::int AS attempts, sum(uncosted_attempts)::int AS uncosted, sum(provider_cost_pico)::int AS cost FROM usage_daily WHERE tenant_id = $1', [tenant])
    expect(rows).toEqual([{ durations: '000000000002'.repeat(12).replace(/^0+/, ''), attempts: 48, uncosted: 12, cost: 12 * 7 + 24 * 11 }])
  })

  it('count an attempt once, by the host it went to, however often and at whatever rank it is claimed', async () => {
    const tenant = await world.tenant()
    const final = world.claim(tenant, { provider_attempts: [attempt(1, 'broken', '5'), attempt(2, 'h', '9')] })
    const partial = swept(final, { provider_attempts: [attempt(1, 'broken', '5')] })
    for (const claim of [partial, partial, final, final, partial]) await world.store.commitBatch([claim])
    const { rows } = await world.owner.query('SELECT host, requests::int, attempts::int, provider_cost_pico::int AS cost FROM usage_hourly WHERE tenant_id = $1 AND requests + attempts > 0 ORDER BY 1', [tenant])
    expect(rows).toEqual([{ host: 'broken', requests: 0, attempts: 1, cost: 5 }, { host: 'h', requests: 1, attempts: 1, cost: 9 }])
    expect(await world.wrongRollups(tenant)).toEqual([])
  })

  it('hold what an attempt had cost when its gateway died, until the final claim says otherwise; then neither is counted twice', async () => {
    const tenant = await world.tenant()
    const costs = async () => {
      const { rows } = await world.owner.query(`SELECT host, outcome, cost_pico::text AS cost FROM provider_cost WHERE tenant_id = $1 ORDER BY rid, attempt`, [tenant])
      return rows.map(({ host, outcome, cost }) => `${host} ${outcome} ${cost}`)
    }
    const final = world.claim(tenant, { provider_attempts: [attempt(1, 'broken', '5'), attempt(2, 'h', '90')] })
    const running = (cost: string | null) => ({ ...attempt(2, 'h', cost), outcome: 'swept' })
    const dead = swept(world.claim(tenant), { provider_attempts: [{ ...attempt(1, 'lost', null), outcome: 'swept' }] })
    await world.store.commitBatch([swept(final, { provider_attempts: [attempt(1, 'broken', '5'), running('30')] }), dead])
    expect([await costs(), await world.wrongRollups(tenant)]).toEqual([['broken completed 5', 'h swept 30', 'lost swept null'], []])
    for (let i = 0; i < 2; i++) {
      await world.store.commitBatch([final])
      await world.store.commitBatch([swept(final, { provider_attempts: [running('31')] })])
      expect([await costs(), await world.wrongRollups(tenant)]).toEqual([['broken completed 5', 'h completed 90', 'lost swept null'], []])
    }
  })

  it('agree with usage, ledger and provider_cost at every commit, while writers race with estimates, corrections and repeats', async () => {
    const tenant = await world.tenant()
    const today = world.claim(tenant).day
    let isDone = false
    const writer = async (seed: number) => {
      for (let round = 0; round < 8; round++) {
        const finals = Array.from({ length: 6 }, (_, i) => world.claim(tenant, { host: `h${(seed + i) % 3}`, duration_ms: 7 ** i, started_at: `${today}T0${(round + i) % 4}:30:00Z`, provider_attempts: [attempt(1, `h${i % 2}`, String(i)), attempt(2, 'h2', null)] }))
        const estimates = finals.map((claim) => swept(claim, { provider_attempts: claim.provider_attempts.map((one) => ({ ...one, cost_pico: '1', outcome: one.attempt === 2 ? 'swept' : one.outcome })) }))
        // One round in order, so that there are corrections; and one that waits for the reader.
        if (round === 0) await world.store.commitBatch(estimates)
        if (round === 6) await eventually(() => expect(reads).toBeGreaterThan(3))
        await Promise.all([world.store.commitBatch(estimates), world.store.commitBatch(finals.slice(3)), world.store.commitBatch(finals)])
      }
    }
    let reads = 0
    const writing = Promise.all([0, 1, 2].map(writer)).finally(() => (isDone = true))
    const totals = new TotalsStore(world.worker)
    const merging = (async () => {
      while (!isDone) await totals.merge()
    })()
    for (; !isDone; reads++) {
      expect(await world.wrongRollups(tenant)).toEqual([])
      const books = await world.books(tenant)
      expect(books).toEqual(balanced(books.rows, books.ledger))
    }
    await Promise.all([writing, merging])
    expect(await world.wrongRollups(tenant)).toEqual([])
    expect(await world.books(tenant)).toEqual(balanced(144, 144_000n))
    const { rows } = await world.owner.query('SELECT count(*)::int AS corrections FROM ledger WHERE tenant_id = $1 AND rank = 1 AND delta_pico = 700', [tenant])
    expect(rows[0].corrections).toBeGreaterThan(0)
  })

  it("take no attempt at a negative cost, even from a role that calls the function itself", async () => {
    const tenant = await world.tenant()
    const bad = world.claim(tenant, { provider_attempts: [attempt(1, 'h', '-5')] })
    await expect(world.store.commitBatch([bad])).rejects.toThrow('provider_cost_amount_range')
    expect(await world.books(tenant)).toEqual(balanced(0, 0n))
  })
})
