import { Client } from 'pg'
import type { BudgetTerms, Caller } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import { RedisClients } from '@tollgate/platform/redis'
import { createDatabase, eventually, FakeClock, redisKinds, type TestDatabase } from '../../test/support'
import { BucketFixture } from './bucket-fixture'
import { BudgetStore } from './budget.store'
import { periodAt } from './domain/period'
import { budgetRedisKey, type TierLimits } from './domain/scopes'
import { LimitsService, type Admission } from './limits.service'

const BUCKET = 9
const HOUR_MS = 3_600_000
const silent = { info() {}, call() {}, warn() {}, error() {}, forNest: () => ({ log() {}, error() {}, warn() {} }) }
const NONE: BudgetTerms = { maxPico: null, softPico: null, duration: 'day' }
const TIER: TierLimits = { slug: 'free', requestsPerMinute: null, tokensPerMinute: null, maxParallel: null, budget: NONE }

/** A zone in which it is now so many full hours after local midnight, so that a clock two hours off is on another day. */
const zoneAt = (nowMs: number, localHour: number) => {
  const ahead = ((localHour - new Date(nowMs).getUTCHours() + 36) % 24) - 12
  return ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`
}

describe.each(redisKinds())('clocks and the periods of budgets, on $kind', ({ open }) => {
  let database: TestDatabase
  let owner: Client
  let gateway: Database
  let clients: RedisClients
  let bucket: BucketFixture
  let tenantId: string
  beforeAll(async () => {
    database = await createDatabase()
    gateway = await Database.connect({ url: database.appUrl, role: 'tg_app', entities: [], poolSize: 2 })
    owner = new Client({ connectionString: database.ownerUrl })
    await owner.connect()
    clients = await RedisClients.connect(await open(), 5_000)
  })
  afterAll(async () => {
    await bucket.wipe()
    clients.close()
    await gateway.close()
    await owner.end()
    await database.drop()
  })
  let rids = 0
  beforeEach(async () => {
    bucket = new BucketFixture(clients, BUCKET)
    await bucket.wipe()
    const { rows } = await owner.query("INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, currency, time_zone, billing, budget_duration, bucket) VALUES (gen_random_uuid(), $2, 'R', 'free', 'us-east', '{us-east}', 'USD', 'UTC', 'postpaid', 'day', $1) RETURNING id", [BUCKET, `clocks-${++rids}`])
    tenantId = rows[0].id
  })

  const caller = (timeZone: string, maxPico: bigint | null): Caller => ({
    tenant: { id: tenantId, slug: 't', tier: 'free', homeRegion: 'us-east', allowedRegions: ['us-east'], preferredModel: null, currency: 'USD', timeZone, formerZones: [], billing: 'postpaid', budget: { ...NONE, maxPico }, creditPico: null, bucket: BUCKET, replaysAnswers: false, authEpoch: 1 },
    key: { id: 'k', name: 'k', projectId: null, allowedModels: null, allowedRegions: null, requestsPerMinute: null, tokensPerMinute: null, maxParallel: null, budget: NONE, scopes: ['chat'] },
    projects: [],
  })
  const gatewayAt = (clockMs: number) => new LimitsService(bucket.admissions, new BudgetStore(gateway), new FakeClock(clockMs), silent)
  const admit = (limits: LimitsService, who: Caller): Promise<Admission> =>
    limits.admit({ rid: `r${++rids}`, caller: who, tier: TIER, project: null, leaseMs: 15_000, gatewayId: 'g', estimatePico: 100_000n, estimateTokens: 1, draft: (budgets) => JSON.stringify({ budgets }) })
  const budgetOf = (admission: Admission) => (admission.kind === 'admitted' ? admission.reservation.budgets : admission.kind === 'refused' ? admission.refusal.code : admission.kind)
  const redisNowMs = () => bucket.outbox.redisTimeMs()

  it.each([['stepped back', -2, 1], ['two hours ahead', 2, 22]])('a gateway whose clock is %s over midnight books in the day that Redis tells, and no budget is to be had twice', async (_what, hoursOff, localHour) => {
    const nowMs = await redisNowMs()
    const who = caller(zoneAt(nowMs, localHour), 200_000n)
    const today = periodAt(nowMs, who.tenant.timeZone, 'day').id
    expect(periodAt(nowMs + hoursOff * HOUR_MS, who.tenant.timeZone, 'day').id).not.toBe(today)
    const right = gatewayAt(nowMs)
    const wrong = gatewayAt(nowMs + hoursOff * HOUR_MS)
    expect(budgetOf(await admit(right, who))).toEqual([`tenant|${today}`])
    expect(budgetOf(await admit(wrong, who))).toEqual([`tenant|${today}`])
    expect([budgetOf(await admit(wrong, who)), budgetOf(await admit(right, who))]).toEqual(['budget_exceeded', 'budget_exceeded'])
    expect(await bucket.budgetState(budgetRedisKey(bucket.tag, tenantId, 'tenant', today))).toMatchObject({ reserved: 200n })
    expect((await owner.query('SELECT period FROM budget_period WHERE tenant_id = $1', [tenantId])).rows).toEqual([{ period: today }])
  })

  it.each([['Europe/Berlin', '2026-10-25', 25, 'clocks go back'], ['Europe/Berlin', '2026-03-29', 23, 'clocks go forward'], ['Australia/Lord_Howe', '2026-04-05', 24.5, 'by half an hour']])('in %s the day %s has one budget of %d hours: %s', async (zone, date, hours) => {
    const store = new BudgetStore(gateway)
    const day = periodAt(Date.parse(`${date}T03:00:00Z`), zone, 'day')
    for (let atMs = day.startsAtMs; atMs < day.endsAtMs; atMs += HOUR_MS) {
      const period = periodAt(atMs, zone, 'day')
      await store.open(tenantId, { redisKey: '', scope: 'tenant', rule: '', maxPico: null, period })
    }
    const { rows } = await owner.query('SELECT period, extract(epoch FROM ends_at - starts_at)::float / 3600 AS hours FROM budget_period WHERE tenant_id = $1', [tenantId])
    expect(rows).toEqual([{ period: `day:${date}`, hours }])
  })

  it('a crowd that finds a budget missing opens it once; all are let in, or told, and what failed is tried again', async () => {
    const budgets = new BudgetStore(gateway)
    const limits = new LimitsService(bucket.admissions, budgets, new FakeClock(await redisNowMs()), silent)
    const asked = jest.spyOn(bucket.admissions, 'admit')
    const open = jest.spyOn(budgets, 'open')
    const really = BudgetStore.prototype.open.bind(budgets)
    const who = caller('UTC', 10n ** 12n)
    /** Fifty calls of which each has been told that the budget is missing before its load ends so. */
    const crowd = async (end: typeof really) => {
      const [calls, opens] = [asked.mock.calls.length + 50, open.mock.calls.length + 1]
      open.mockImplementationOnce(async (...budget) => {
        await eventually(() => expect(asked).toHaveBeenCalledTimes(calls))
        await Promise.all(asked.mock.results.map(({ value }) => value as Promise<unknown>))
        return end(...budget)
      })
      const ends = (await Promise.all(Array.from({ length: 50 }, () => admit(limits, who)))).map(({ kind }) => kind)
      expect(open).toHaveBeenCalledTimes(opens)
      return [...new Set(ends)]
    }
    expect(await crowd(() => Promise.reject(new Error('away')))).toEqual(['refused'])
    expect(await crowd(really)).toEqual(['admitted'])
  })
})
