import { Database } from '@tollgate/platform/postgres'
import { costOf, type Price } from '@tollgate/pricing'
import { ClaimsFixture, TODAY } from '../usage/claims-fixture'
import type { Scenario } from './domain/scenario'
import { SimulationService } from './simulation.service'
import { SimulationStore } from './simulation.store'

const FROM = Date.parse(`${TODAY}T00:00:00Z`)
const DAY = { fromMs: FROM, toMs: FROM + 86_400_000 }
const UNCHANGED: Scenario = { prices: [], isWholeBook: false, changes: [] }
const base = { book: 'tariff', provider: null, region: null, tier: null, tenantId: null, effectiveAtMs: 0, createdAtMs: 0, currency: 'USD', cachedInputPico: null, cacheWritePico: null, reasoningPico: null, perRequestPico: 0n, gpuSecondPico: null, isFree: false, source: 'spec' } as const
/** Three tariffs: plain, with every class, and one a GPU-second beside a fee. */
const PRICES: Price[] = [
  { ...base, id: '019a0000-0000-7000-8000-0000000000b1', model: 'plain', inputPico: 1_000n, outputPico: 3_000n },
  { ...base, id: '019a0000-0000-7000-8000-0000000000b2', model: 'classes', inputPico: 1_001n, outputPico: 3_003n, cachedInputPico: 77n, cacheWritePico: 1_301n, reasoningPico: 9_999n, perRequestPico: 12_345n },
  { ...base, id: '019a0000-0000-7000-8000-0000000000b3', model: 'gpu', inputPico: 0n, outputPico: 1n, perRequestPico: 7n, gpuSecondPico: 5_000_000n },
]

let world: ClaimsFixture
let admin: Database
let simulation: SimulationService
beforeAll(async () => {
  world = await ClaimsFixture.start()
  admin = await Database.connect({ url: world.database.adminUrl, role: 'tg_admin', entities: [], poolSize: 2 })
  simulation = new SimulationService(new SimulationStore(admin))
  for (const p of PRICES)
    await world.owner.query(
      `INSERT INTO price (id, model, effective_at, currency, input_pico, output_pico, cached_input_pico, cache_write_pico, reasoning_pico, per_request_pico, gpu_second_pico, source) VALUES ($1, $2, '2020-01-01', 'USD', $3, $4, $5, $6, $7, $8, $9, 'spec')`,
      [p.id, p.model, p.inputPico, p.outputPico, p.cachedInputPico, p.cacheWritePico, p.reasoningPico, p.perRequestPico, p.gpuSecondPico],
    )
})
afterAll(async () => {
  await admin.close()
  await world.stop()
})

/** Calls of every kind on every tariff, among them corrections upwards and downwards, posted over several batches. */
async function mixedLedger(tenant: string): Promise<void> {
  const claims = PRICES.flatMap((price, p) =>
    (['completed', 'failed', 'aborted', 'swept'] as const).flatMap((status, s) =>
      [true, false].flatMap((isCharged) =>
        [0, 1, 2].map((n) => {
          const tokens = { promptTokens: 100 * n + p, completionTokens: 50 * n + s, cachedTokens: 10 * n, cacheWriteTokens: 3 * n, reasoningTokens: 20 * n, source: 'provider' as const }
          const gpuMs = 1_000 * n + 37 * s
          const recordedMs = status === 'swept' ? 5 : gpuMs
          return world.claim(tenant, {
            model: price.model, price_id: price.id, status, rank: status === 'swept' ? 0 : 1, amount_pico: isCharged ? costOf(tokens, price, gpuMs).toString() : '0',
            prompt_tokens: tokens.promptTokens, completion_tokens: tokens.completionTokens, cached_tokens: tokens.cachedTokens, cache_write_tokens: tokens.cacheWriteTokens, reasoning_tokens: tokens.reasoningTokens,
            provider_attempts: status === 'swept' ? [] : [{ attempt: 1, host: 'h', provider: 'ollama', region: 'us-east', model: 'x', outcome: 'completed', duration_ms: recordedMs, cost_pico: '3' }],
          })
        }),
      ),
    ),
  )
  const free = world.claim(tenant, { model: 'free', amount_pico: '0', price_id: null })
  await world.store.commitBatch([...claims, free])
  // Some estimates are corrected by a late final count: one dearer, one cheaper, one let off.
  const swept = claims.filter(({ status, amount_pico }) => status === 'swept' && amount_pico !== '0').slice(0, 6)
  for (const [i, claim] of swept.entries()) {
    const price = PRICES.find(({ id }) => id === claim.price_id)!
    const tokens = { promptTokens: claim.prompt_tokens, completionTokens: 200 * (i % 3), cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider' as const }
    const amount = i % 3 === 2 ? 0n : costOf(tokens, price, 100)
    await world.store.commitBatch([{ ...claim, rank: 1, status: i % 3 === 2 ? 'failed' : 'completed', amount_pico: amount.toString(), completion_tokens: tokens.completionTokens, cached_tokens: 0, cache_write_tokens: 0, reasoning_tokens: 0, provider_attempts: [{ attempt: 1, host: 'h', provider: 'ollama', region: 'us-east', model: 'x', outcome: 'completed', duration_ms: 100, cost_pico: null }] }])
  }
}
const ledgerSum = async (tenant: string, model?: string) =>
  BigInt((await world.owner.query('SELECT coalesce(sum(l.delta_pico), 0)::text AS sum FROM ledger l JOIN usage u USING (day, rid) WHERE l.tenant_id = $1 AND ($2::text IS NULL OR u.model = $2)', [tenant, model ?? null])).rows[0].sum)
const sumsOf = async (tenant: string | null, scenario: Scenario, period: { fromMs: number; toMs: number } = DAY) => {
  const totals = await simulation.simulate({ ...period, tenantId: tenant }, scenario)
  return { totals, models: new Map(totals.by(({ model }) => model).map(({ name, sums }) => [name, sums])) }
}

describe('a simulation over a mixed ledger', () => {
  let tenant: string
  beforeAll(async () => {
    tenant = await world.tenant()
    await mixedLedger(tenant)
    await mixedLedger(await world.tenant())
  })

  it('with unchanged prices is the ledger to the unit: in all, by model, by tenant', async () => {
    for (const scope of [tenant, null]) {
      const { totals, models } = await sumsOf(scope, UNCHANGED)
      for (const { name, sums } of totals.by(({ tenant: slug }) => slug)) {
        const ledger = await ledgerSum(name.slice(2))
        expect([sums.billedPico, sums.simulatedPico]).toEqual([ledger, ledger])
        expect(ledger).toBeGreaterThan(0n)
      }
      for (const model of ['plain', 'classes', 'gpu', 'free']) expect(models.get(model)!.simulatedPico).toBe(models.get(model)!.billedPico)
      expect(totals.counts.kept).toBe(scope === null ? 2 : 1)
      expect(totals.counts.uncharged).toBeGreaterThan(20)
    }
    expect((await sumsOf(tenant, UNCHANGED)).models.get('gpu')!.billedPico).toBe(await ledgerSum(tenant, 'gpu'))
  })

  it('doubles to the unit with every price doubled, and is nought for nothing', async () => {
    const change = { model: null, provider: null, region: null, tenantId: null, classes: new Set(['input', 'output', 'cached_input', 'cache_write', 'reasoning', 'per_request', 'gpu_second'] as const) }
    for (const [percentMillionths, factor] of [[100_000_000n, 2n], [-100_000_000n, 0n], [0n, 1n]] as const) {
      const { models } = await sumsOf(tenant, { ...UNCHANGED, changes: [{ ...change, percentMillionths }] })
      for (const sums of models.values()) expect(sums.simulatedPico).toBe(sums.billedPico * factor)
    }
  })

  it('changes only the calls that a proposed row prices', async () => {
    const { models } = await sumsOf(tenant, { ...UNCHANGED, prices: [{ ...PRICES[0]!, id: 'proposed', inputPico: 2_000n, outputPico: 6_000n }] })
    expect(models.get('plain')!.simulatedPico).toBe(2n * (await ledgerSum(tenant, 'plain')))
    for (const model of ['classes', 'gpu', 'free']) expect(models.get(model)!.simulatedPico).toBe(models.get(model)!.billedPico)
    const whole = await sumsOf(tenant, { ...UNCHANGED, isWholeBook: true, prices: [{ ...PRICES[0]!, id: 'proposed' }] })
    expect(whole.models.get('plain')!.simulatedPico).toBe(await ledgerSum(tenant, 'plain'))
    expect([whole.models.get('classes')!.simulatedPico, whole.totals.counts.unpriced > 0]).toEqual([0n, true])
  })

  it('given the whole book as it is, is the ledger again', async () => {
    const { models } = await sumsOf(tenant, { ...UNCHANGED, isWholeBook: true, prices: PRICES })
    for (const sums of models.values()) expect(sums.simulatedPico).toBe(sums.billedPico)
  })

  it('takes calls by the instant they started, the end not included', async () => {
    const counted = async (fromMs: number, toMs: number) => [...(await sumsOf(tenant, UNCHANGED, { fromMs, toMs })).models.values()].reduce((sum, { requests }) => sum + requests, 0)
    const started = FROM + 1_000
    expect(await counted(started, started + 1)).toBe(73)
    expect([await counted(started - 1_000, started), await counted(started + 1, started + 1_000)]).toEqual([0, 0])
  })
})
