import { eventually } from '../../test/support'
import { balanced, ClaimsFixture, PERIOD, TODAY } from './claims-fixture'
import { ClaimStore } from './claim.store'
import type { UsageClaim } from './domain/claim'

let world: ClaimsFixture
beforeAll(async () => {
  world = await ClaimsFixture.start()
})
afterAll(() => world.stop())

const sumOf = (tenantId: string, spentPico: bigint, version: bigint) => ({ tenantId, budget: `tenant|${PERIOD}`, spentPico, version })

describe('a claim', () => {
  it('becomes usage, ledger, provider cost, both rollups and spent budget at once', async () => {
    const tenant = await world.tenant()
    const claim = world.claim(tenant)
    expect(await world.store.commitBatch([claim])).toEqual([sumOf(tenant, 1_000n, 1n)])
    expect(await world.books(tenant)).toEqual(balanced(1, 1_000n))
    const { rows } = await world.owner.query('SELECT attempt, host, outcome FROM provider_cost WHERE rid = $1', [claim.rid])
    expect(rows).toEqual([{ attempt: 1, host: 'h', outcome: 'completed' }])
  })

  it('applied again changes nothing and answers the current sums', async () => {
    const tenant = await world.tenant()
    const claim = world.claim(tenant)
    await world.store.commitBatch([claim])
    await world.store.commitBatch([world.claim(tenant)])
    expect(await world.store.commitBatch([claim])).toEqual([sumOf(tenant, 2_000n, 2n)])
    expect(await world.books(tenant)).toEqual(balanced(2, 2_000n))
  })

  it('of a higher rank replaces the estimate and posts the difference, upwards and downwards', async () => {
    for (const [estimate, final] of [['400', '1000'], ['1000', '400'], ['0', '7'], ['7', '0']] as const) {
      const tenant = await world.tenant()
      const swept = world.claim(tenant, { rank: 0, amount_pico: estimate, status: 'swept', prompt_tokens: 3, completion_tokens: 4, reasoning_tokens: 0, duration_ms: 20_000, provider: '', host: '', region: '' })
      await world.store.commitBatch([swept])
      await world.store.commitBatch([{ ...world.claim(tenant), rid: swept.rid, amount_pico: final }])
      expect(await world.books(tenant)).toEqual(balanced(1, BigInt(final)))
      const ledger = await world.owner.query('SELECT rank, delta_pico::text AS delta FROM ledger WHERE rid = $1 ORDER BY rank', [swept.rid])
      expect(ledger.rows).toEqual([{ rank: 0, delta: estimate }, { rank: 1, delta: String(Number(final) - Number(estimate)) }])
      const rollup = await world.owner.query(`SELECT host, requests::int, prompt_tokens::int, completion_tokens::int, durations::text FROM usage_hourly WHERE tenant_id = $1 ORDER BY host`, [tenant])
      expect(rollup.rows).toEqual([
        { host: '', requests: 0, prompt_tokens: 0, completion_tokens: 0, durations: '0' },
        { host: 'h', requests: 1, prompt_tokens: 10, completion_tokens: 20, durations: '1000000000000000000000000' },
      ])
    }
  })

  it('of a lower or equal rank is ignored', async () => {
    const tenant = await world.tenant()
    const claim = world.claim(tenant)
    await world.store.commitBatch([claim])
    await world.store.commitBatch([{ ...claim, rank: 0, amount_pico: '9' }])
    await world.store.commitBatch([{ ...claim, amount_pico: '9' }])
    expect(await world.books(tenant)).toEqual(balanced(1, 1_000n))
  })

  it('on a day without a partition of its own is kept in the default one, without loss', async () => {
    const tenant = await world.tenant()
    await world.store.commitBatch([world.claim(tenant, { day: '2031-02-03', started_at: '2031-02-03T04:05:06Z' }), world.claim(tenant, { day: '2001-01-01', started_at: '2001-01-01T00:00:00Z' })])
    expect(await world.books(tenant)).toEqual(balanced(2, 2_000n))
    const { rows } = await world.owner.query('SELECT count(*)::int AS count FROM usage_default WHERE tenant_id = $1', [tenant])
    expect(rows).toEqual([{ count: 2 }])
  })

  it('at the upper edge of amounts and tokens is exact', async () => {
    const tenant = await world.tenant()
    const most = { amount_pico: '100000000000000000', prompt_tokens: 1_000_000_000, completion_tokens: 1_000_000_000, duration_ms: 2_147_483_647 }
    const claims = Array.from({ length: 100 }, () => world.claim(tenant, most))
    await world.store.commitBatch(claims)
    expect(await world.books(tenant)).toEqual(balanced(100, 10n ** 19n))
  })

  it('counts in every budget it names', async () => {
    const tenant = await world.tenant()
    await world.owner.query(`INSERT INTO budget_period (tenant_id, scope, period, starts_at, ends_at) VALUES ($1, 'key:k', $2, '2020-01-01', '2100-01-01')`, [tenant, PERIOD])
    const sums = await world.store.commitBatch([world.claim(tenant, { budgets: [`tenant|${PERIOD}`, `key:k|${PERIOD}`] }), world.claim(tenant)])
    expect(sums.sort((a, b) => (a.budget < b.budget ? -1 : 1))).toEqual([{ ...sumOf(tenant, 1_000n, 1n), budget: `key:k|${PERIOD}` }, sumOf(tenant, 2_000n, 1n)])
  })
})

describe('batches', () => {
  it('of many tenants answer the sums of each', async () => {
    const tenants = await Promise.all(Array.from({ length: 20 }, () => world.tenant()))
    const sums = await world.store.commitBatch(tenants.flatMap((tenant) => [world.claim(tenant), world.claim(tenant)]))
    expect(new Set(sums.map((sum) => `${sum.tenantId} ${sum.spentPico} ${sum.version}`))).toEqual(new Set(tenants.map((tenant) => `${tenant} 2000 1`)))
    for (const tenant of tenants) expect(await world.books(tenant)).toEqual(balanced(2, 2_000n))
  })

  it('that are identical, from four connections at once, count once', async () => {
    for (let round = 0; round < 10; round++) {
      const tenants = await Promise.all([world.tenant(), world.tenant(), world.tenant()])
      const claims = tenants.flatMap((tenant) => Array.from({ length: 20 }, () => world.claim(tenant)))
      const results = await Promise.all([claims, claims.toReversed(), claims, claims.toReversed()].map((batch) => world.store.commitBatch(batch)))
      for (const tenant of tenants) expect(await world.books(tenant)).toEqual(balanced(20, 20_000n))
      for (const sums of results) for (const sum of sums) expect(sum.spentPico).toBe(20_000n)
    }
  })

  it('of rank 0 and 1 of the same calls, at once, end at rank 1 and in balance', async () => {
    for (let round = 0; round < 10; round++) {
      const tenant = await world.tenant()
      const final = Array.from({ length: 20 }, () => world.claim(tenant))
      const swept = final.map((claim): UsageClaim => ({ ...claim, rank: 0, amount_pico: '3', status: 'swept' }))
      await Promise.all([swept, final, swept, final].map((batch) => world.store.commitBatch(batch)))
      expect(await world.books(tenant)).toEqual(balanced(20, 20_000n))
    }
  })

  it('are in balance at every commit that a reader can see', async () => {
    const tenant = await world.tenant()
    let isDone = false
    let reads = 0
    const writing = Promise.all([0, 1, 2].map(async () => {
      for (let i = 0; i < 15; i++) {
        if (i === 10) await eventually(() => expect(reads).toBeGreaterThan(3))
        await world.store.commitBatch(Array.from({ length: 5 }, () => world.claim(tenant)))
      }
    })).then(() => (isDone = true))
    for (; !isDone; reads++) {
      const books = await world.books(tenant)
      expect(books).toEqual(balanced(books.rows, books.ledger))
    }
    await writing
    expect(await world.books(tenant)).toEqual(balanced(225, 225_000n))
  })
})

describe("a gateway's role", () => {
  it('applies claims of each tenant inside its own context', async () => {
    const [a, b] = [await world.tenant(), await world.tenant()]
    const sums = await new ClaimStore(world.gateway).commitPerTenant([world.claim(a), world.claim(b), world.claim(a)])
    expect(new Set(sums.map((sum) => `${sum.tenantId} ${sum.spentPico}`))).toEqual(new Set([`${a} 2000`, `${b} 1000`]))
    expect([await world.books(a), await world.books(b)]).toEqual([balanced(2, 2_000n), balanced(1, 1_000n)])
  })

  it("in the context of one tenant can neither apply another's claim nor replace its row; without context nothing", async () => {
    const [a, b] = [await world.tenant(), await world.tenant()]
    const victim = world.claim(b, { rank: 0, amount_pico: '5', status: 'swept' })
    await world.store.commitBatch([victim])
    const inContext = (claims: UsageClaim[]) => world.gateway.withTenant(a, (tx) => tx.query('SELECT * FROM apply_claims($1::jsonb)', [JSON.stringify(claims)]))
    await expect(inContext([world.claim(b)])).rejects.toThrow('row-level security')
    await expect(world.gateway.asPlatform((tx) => tx.query('SELECT * FROM apply_claims($1::jsonb)', [JSON.stringify([world.claim(b)])]))).rejects.toThrow('row-level security')
    await inContext([{ ...world.claim(a), rid: victim.rid }]).catch(() => undefined)
    expect(await world.books(b)).toEqual(balanced(1, 5n))
    expect(TODAY).toMatch(/^\d{4}-\d{2}-\d{2}$/)
  })
})
