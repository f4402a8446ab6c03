import { balanced, ClaimsFixture } from './claims-fixture'
import { UsageService } from './usage.service'
import { ClaimStore } from './claim.store'
import type { UsageClaim } from './domain/claim'

let world: ClaimsFixture
beforeAll(async () => {
  world = await ClaimsFixture.start()
})
afterAll(() => world.stop())

type Poison = Partial<Record<keyof UsageClaim, unknown>>
const POISONS: [string, Poison][] = [
  ['negative tokens', { prompt_tokens: -1 }],
  ['more cached tokens than prompt', { cached_tokens: 11 }],
  ['more reasoning than completion', { reasoning_tokens: 21 }],
  ['more than 10¹⁷ pico', { amount_pico: '100000000000000001' }],
  ['more than a bigint', { amount_pico: '99999999999999999999' }],
  ['a negative amount', { amount_pico: '-1' }],
  ['an amount that is no number', { amount_pico: 'NaN' }],
  ['minus zero as text', { amount_pico: '-0.5' }],
  ['fractional tokens', { completion_tokens: 1.5 }],
  ['tokens as words', { completion_tokens: 'many' }],
  ['tokens as text', { completion_tokens: '20' }],
  ['tokens beyond any call', { completion_tokens: 1_000_000_001 }],
  ['tokens wrapped at 32 bits', { completion_tokens: 4_294_967_291 }],
  ['tokens wrapped below zero', { completion_tokens: -2_147_483_648 }],
  ['tokens that are infinite', { completion_tokens: Infinity }],
  ['tokens that are no number', { completion_tokens: Number.NaN }],
  ['an amount in hexadecimal', { amount_pico: '0x1f' }],
  ['an amount with a space', { amount_pico: ' 1000' }],
  ['an amount as a double', { amount_pico: 1000 }],
  ['an attempt that earns money', { provider_attempts: [{ attempt: 1, host: 'h', provider: 'ollama', region: 'us-east', model: 'phi3', outcome: 'completed', duration_ms: 5, cost_pico: '-1' }] }],
  ['a day that is not the one the call began on', { started_at: '2020-01-01T00:00:00Z' }],
  ['no day', { day: null }],
  ['a day that does not exist', { day: '2026-02-30' }],
  ['a request id that is no uuid', { rid: 'x' }],
  ['a tenant that is no uuid', { tenant_id: 'x' }],
  ['an unknown rank', { rank: 2 }],
  ['an unknown status', { status: 'perhaps' }],
  ['budgets that are no list', { budgets: 'tenant' }],
  ['attempts that are no list', { provider_attempts: 'none' }],
  ['an attempt that is no attempt', { provider_attempts: [{ attempt: 'first' }] }],
  ['NUL in text', { host: 'a\u0000b' }],
  ['an overlong model', { model: Array.from({ length: 9_000 }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7919) % 20_000))).join('') }],
  ['deep nesting', { raw_usage: null, flags: JSON.parse('['.repeat(3_000) + ']'.repeat(3_000)) as unknown }],
  ['a duration that overflows', { duration_ms: 3_000_000_000 }],
]

describe('poison in the outbox', () => {
  it.each(POISONS)('%s: quarantined, the others are committed', async (_name, poison) => {
    const tenant = await world.tenant()
    const bad = world.claim(tenant, poison)
    const good = Array.from({ length: 4 }, () => world.claim(tenant))
    const { quarantined, sums } = await world.service.applyBatch([good[0]!, good[1]!, bad, good[2]!, good[3]!])
    expect(quarantined).toEqual([bad.rid])
    expect(sums.find((sum) => sum.tenantId === tenant)?.spentPico).toBe(4_000n)
    expect(await world.books(tenant)).toEqual(balanced(4, 4_000n))
    const { rows } = await world.owner.query('SELECT reason FROM quarantine WHERE claim LIKE $1', [`%${good[0]!.key_id}%`])
    expect(rows).toEqual([{ reason: expect.stringMatching(/\w/) }])
  })

  it('among 400 claims of many tenants: every good one is committed, the sums are the newest', async () => {
    const tenants = await Promise.all(Array.from({ length: 4 }, () => world.tenant()))
    const claims = Array.from({ length: 400 }, (_, i) => world.claim(tenants[i % 4]!, i % 50 === 7 ? { prompt_tokens: -1 } : {}))
    const { quarantined, sums } = await world.service.applyBatch(claims)
    expect(quarantined).toHaveLength(8)
    for (const tenant of tenants) {
      const lost = claims.filter((claim) => claim.tenant_id === tenant && quarantined.includes(claim.rid)).length
      expect(await world.books(tenant)).toEqual(balanced(100 - lost, BigInt(100 - lost) * 1_000n))
      expect(sums.find((sum) => sum.tenantId === tenant)?.spentPico).toBe(BigInt(100 - lost) * 1_000n)
    }
  })

  it('of an unknown rank does not drive out the good claim of the same call', async () => {
    const tenant = await world.tenant()
    const good = world.claim(tenant)
    const { quarantined } = await world.service.applyBatch([good, { ...good, rank: 9 as 1, amount_pico: '1' }])
    expect(quarantined).toEqual([good.rid])
    expect(await world.books(tenant)).toEqual(balanced(1, 1_000n))
  })

  it.each(['not a claim', 'a\u0000b', '\ud800', '{"rid":"\\u0000"}', 'x'.repeat(300_000)])('text that is no claim is kept whatever it is: %.20j', async (text) => {
    await expect(world.service.quarantine(text, 'not a claim\u0000')).resolves.toBeUndefined()
  })

  it('a database that is away is no poison: the batch is refused whole, nothing is quarantined', async () => {
    const away = new UsageService({ commitBatch: () => Promise.reject(Object.assign(new Error('terminating connection'), { code: '57P01' })), quarantine: () => Promise.reject(new Error('must not be asked')) } as unknown as ClaimStore, { uuid: () => world.uuid(), bytes: Buffer.alloc })
    await expect(away.applyBatch([world.claim(await world.tenant())])).rejects.toThrow('terminating connection')
  })
})

describe('strict durability', () => {
  const strict = () => new UsageService(new ClaimStore(world.gateway), { uuid: () => world.uuid(), bytes: Buffer.alloc })

  it('100 calls that finish together share commits, and each is told the sums of its own tenant', async () => {
    const [a, b] = [await world.tenant(), await world.tenant()]
    const service = strict()
    const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => service.commit(world.claim(i % 2 ? a : b))))
    for (const [i, own] of sums.entries()) expect(own.map((sum) => sum.tenantId)).toEqual([i % 2 ? a : b])
    const { rows } = await world.owner.query('SELECT max(version)::int AS version FROM budget_period WHERE tenant_id = $1', [a])
    expect(rows[0].version).toBeLessThan(10)
    expect([await world.books(a), await world.books(b)]).toEqual([balanced(50, 50_000n), balanced(50, 50_000n)])
  })

  it.each(POISONS.filter(([, poison]) => !('tenant_id' in poison)))('%s fails alone: the calls that shared its commit are durable', async (_name, poison) => {
    const tenant = await world.tenant()
    const service = strict()
    const [first, bad, ...good] = await Promise.allSettled([service.commit(world.claim(tenant)), service.commit(world.claim(tenant, poison)), service.commit(world.claim(tenant)), service.commit(world.claim(tenant))])
    expect([first!.status, bad!.status, ...good.map(({ status }) => status)]).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(await world.books(tenant)).toEqual(balanced(3, 3_000n))
  })
})
