import { ClaimsFixture } from '../claims-fixture'
import { GenerationStore } from './generation.store'

const attempt = (cost: string | null, generation?: string, outcome = 'cut: reset') => ({ attempt: 1, host: 'router', provider: 'openrouter', region: 'us-east', model: 'm', outcome, duration_ms: 5, cost_pico: cost, ...(generation ? { generation } : {}) })
const TOLD = { costPico: 777n, promptTokens: 3, completionTokens: 9 }

describe('costs that are told later', () => {
  let world: ClaimsFixture
  let store: GenerationStore
  beforeAll(async () => {
    world = await ClaimsFixture.start()
    store = new GenerationStore(world.worker)
  })
  afterAll(() => world.stop())
  afterEach(() => world.owner.query('DELETE FROM generation'))

  const bringForward = () => world.owner.query(`UPDATE generation SET due_at = now() WHERE due_at IS NOT NULL`)
  const take = async (most = 10) => {
    await bringForward()
    return store.take(most)
  }
  const costs = async (tenant: string) => (await world.owner.query(`SELECT outcome, cost_pico::text AS cost FROM provider_cost WHERE tenant_id = $1`, [tenant])).rows.map(({ outcome, cost }) => `${outcome} ${cost}`)

  it('are not asked for at once, and only where a claim names a generation', async () => {
    const tenant = await world.tenant()
    const broken = world.claim(tenant, { provider_attempts: [attempt('5', 'gen-1')] })
    await world.store.commitBatch([broken, world.claim(tenant), world.claim(tenant, { provider_attempts: [attempt('5')] })])
    expect(await store.take(10)).toEqual([])
    expect(await take()).toEqual([{ tenant_id: tenant, day: broken.day, rid: broken.rid, attempt: 1, host: 'router', name: 'gen-1', tries: 1 }])
  })

  it.each([['an estimate', '5'], ['nothing', null]])('take the place of %s, with the attempt and in every rollup, once', async (_name, estimate) => {
    const tenant = await world.tenant()
    await world.store.commitBatch([world.claim(tenant, { provider_attempts: [attempt(estimate, 'gen-1')] }), world.claim(tenant, { provider_attempts: [attempt('11')] })])
    const [due] = await take()
    for (let i = 0; i < 2; i++) {
      await store.book(due!, TOLD)
      expect((await costs(tenant)).sort()).toEqual(['cut: reset 11', 'cut: reset 777'])
      expect(await world.wrongRollups(tenant)).toEqual([])
    }
    const { rows } = await world.owner.query('SELECT sum(attempts)::int AS attempts, sum(uncosted_attempts)::int AS uncosted, sum(provider_cost_pico)::int AS cost FROM usage_monthly WHERE tenant_id = $1', [tenant])
    expect(rows).toEqual([{ attempts: 2, uncosted: 0, cost: 788 }])
    expect((await world.owner.query('SELECT due_at, cost_pico::int AS cost, prompt_tokens::int AS prompt, completion_tokens::int AS completion FROM generation')).rows).toEqual([{ due_at: null, cost: 777, prompt: 3, completion: 9 }])
    expect(await take()).toEqual([])
    // What a tenant is charged is another matter.
    expect(await world.books(tenant)).toMatchObject({ usage: 2000n, ledger: 2000n })
  })

  it('of a swept attempt hold when its final claim comes after all', async () => {
    const tenant = await world.tenant()
    const final = world.claim(tenant, { provider_attempts: [attempt('6', 'gen-1')] })
    await world.store.commitBatch([{ ...final, rank: 0, amount_pico: '1', provider_attempts: [attempt('5', 'gen-1', 'swept')] }])
    await store.book((await take())[0]!, TOLD)
    expect(await costs(tenant)).toEqual(['swept 777'])
    await world.store.commitBatch([final])
    expect(await costs(tenant)).toEqual(['cut: reset 6'])
    const again = await take()
    expect(again).toMatchObject([{ name: 'gen-1', tries: 1 }])
    await store.book(again[0]!, TOLD)
    expect([await costs(tenant), await world.wrongRollups(tenant)]).toEqual([['cut: reset 777'], []])
  })

  it('are asked for by one worker at a time, later and later, until somebody gives up', async () => {
    const tenant = await world.tenant()
    await world.store.commitPerTenant([1, 2, 3].map((n) => world.claim(tenant, { provider_attempts: [attempt(null, `gen-${n}`)] })))
    await bringForward()
    const taken = (await Promise.all([store.take(2), store.take(2)])).flat()
    expect(taken.map(({ name }) => name).sort()).toEqual(['gen-1', 'gen-2', 'gen-3'])
    const pauses: number[] = []
    for (let tries = 1; tries <= 7; tries++) {
      const { rows } = await world.owner.query(`SELECT round(extract(epoch FROM due_at - now()))::int AS s FROM generation WHERE name = 'gen-1'`)
      pauses.push(rows[0].s)
      await take()
    }
    expect(pauses.map((s) => Math.round(s / 5) * 5)).toEqual([15, 45, 135, 405, 1215, 3645, 3645])
    for (const due of taken) await store.giveUp(due)
    expect([await take(), await costs(tenant)]).toEqual([[], ['cut: reset null', 'cut: reset null', 'cut: reset null']])
  })
})
