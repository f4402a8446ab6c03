import type { LimitsService, SettleCall } from '@tollgate/limits'
import type { ProcessLogger } from '@tollgate/platform/logging'
import type { UsageClaim, UsageService } from '@tollgate/usage'
import { FakeClock } from '../../test/support'
import { SettlementService } from './settlement.service'

const HELD = 120
/** Tended a second after they were made. */
const RING_AGE_MS = 1_000

/** A Redis that answers only when the test says so. */
class SlowRedis {
  readonly told: string[] = []
  /** Claims it forgot. */
  readonly lost = new Set<string>()
  deaf: (rid: string) => boolean = () => false
  private waiting: (() => void)[] = []
  isHolding = false

  async settle({ reservation: { rid } }: SettleCall): Promise<void> {
    this.told.push(rid)
    if (this.isHolding) await new Promise<void>((resolve) => this.waiting.push(resolve))
    if (this.deaf(rid)) throw new Error('Command timed out')
    this.lost.delete(rid)
  }

  claimStates(_bucket: number, rids: readonly string[]): Promise<string[]> {
    return Promise.resolve(rids.map((rid) => (this.lost.has(rid) ? 'lost' : 'confirmed')))
  }

  release(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}

describe('claims that a wiped Redis lost', () => {
  let redis: SlowRedis
  let clock: FakeClock
  let settlement: SettlementService
  const rids = Array.from({ length: HELD }, (_, index) => `r${index}`)
  beforeEach(async () => {
    redis = new SlowRedis()
    clock = new FakeClock()
    settlement = new SettlementService(redis as unknown as LimitsService, {} as UsageService, { isStrict: false, checkpointFile: null }, clock, {} as ProcessLogger)
    for (const rid of rids) await settlement.record({ rid, bucket: 7 } as never, { rid, rank: 1, amount_pico: '1', prompt_tokens: 1, completion_tokens: 1, flags: [] as string[] } as unknown as UsageClaim)
    clock.advance(RING_AGE_MS + 1)
    for (const rid of rids) redis.lost.add(rid)
    redis.told.length = 0
  })

  it('are told again many at a time: a round trip each would take a slow Redis seconds, in which their gateway may die', async () => {
    redis.isHolding = true
    const turn = settlement.tendRing()
    for (let trips = 0; redis.told.length < HELD; trips++) {
      expect(trips).toBeLessThan(5)
      await new Promise(setImmediate)
      redis.release()
    }
    await new Promise(setImmediate)
    redis.release()
    await turn
    expect(redis.told).toEqual(rids)
    expect(redis.lost.size).toBe(0)
  })

  it('that Redis does not take hold up no others, and are told again until it does', async () => {
    redis.deaf = (rid) => rid === 'r0' || rid === 'r70'
    await settlement.tendRing()
    expect([...redis.lost]).toEqual(['r0', 'r70'])
    redis.deaf = () => false
    await settlement.tendRing()
    expect([redis.lost.size, settlement.unconfirmed]).toEqual([0, 2])
    await settlement.tendRing()
    expect(settlement.unconfirmed).toBe(0)
  })

  it('are told by one turn at a time', async () => {
    redis.isHolding = true
    const turns = [settlement.tendRing(), settlement.tendRing()]
    await new Promise(setImmediate)
    const atOnce = redis.told.length
    redis.isHolding = false
    redis.release()
    await Promise.all(turns)
    expect([atOnce < HELD, redis.told.length]).toEqual([true, HELD])
  })

  it('show in the age of the oldest, until they are confirmed', async () => {
    expect(settlement.oldestUnconfirmedSeconds).toBeCloseTo((RING_AGE_MS + 1) / 1_000)
    await settlement.tendRing()
    await settlement.tendRing()
    expect(settlement.oldestUnconfirmedSeconds).toBe(0)
  })
})

it('a claim that no store took in time is alone, until Redis has confirmed it', async () => {
  const clock = new FakeClock()
  const redis = new SlowRedis()
  const usage = { commit: () => (clock.advance(6_000), Promise.reject(new Error('Postgres is away'))) } as unknown as UsageService
  const settlement = new SettlementService(redis as unknown as LimitsService, usage, { isStrict: true, checkpointFile: null }, clock, { warn: () => undefined, error: () => undefined } as unknown as ProcessLogger)
  const claim = { rid: 'r', rank: 1, amount_pico: '1', prompt_tokens: 1, completion_tokens: 1, flags: [] as string[] }
  expect(await settlement.record({ rid: 'r', bucket: 7 } as never, claim as unknown as UsageClaim)).toBe(false)
  expect(settlement.alone).toEqual([JSON.stringify(claim)])
  redis.lost.add('r')
  clock.advance(RING_AGE_MS)
  await settlement.tendRing()
  expect(settlement.alone).toHaveLength(1)
  await settlement.tendRing()
  expect(settlement.alone).toEqual([])
})
