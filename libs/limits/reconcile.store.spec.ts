import { Client } from 'pg'
import { Database } from '@tollgate/platform/postgres'
import { RedisClients } from '@tollgate/platform/redis'
import { createDatabase, FakeClock, redisKinds, type TestDatabase } from '../../test/support'
import { BucketFixture } from './bucket-fixture'
import { BudgetStore } from './budget.store'
import { budgetRedisKey } from './domain/scopes'
import { ReconcileService } from './reconcile.service'

const BUCKET = 5
const silent = { info() {}, call() {}, warn() {}, error() {}, forNest: () => ({ log() {}, error() {}, warn() {} }) }

describe.each(redisKinds())('reconcile on $kind', ({ open }) => {
  let database: TestDatabase
  let worker: Database
  let owner: Client
  let clients: RedisClients
  let bucket: BucketFixture
  let reconcile: ReconcileService
  let tenantId: string
  beforeAll(async () => {
    database = await createDatabase()
    worker = await Database.connect({ url: database.workerUrl, role: 'tg_worker', entities: [], poolSize: 2 })
    owner = new Client({ connectionString: database.ownerUrl })
    await owner.connect()
    clients = await RedisClients.connect(await open(), 5_000)
    const { rows } = await owner.query("INSERT INTO tenant (id, slug, name, tier, home_region, allowed_regions, currency, time_zone, billing, budget_duration, bucket) VALUES (gen_random_uuid(), 'r', 'R', 'free', 'us-east', '{us-east}', 'USD', 'UTC', 'postpaid', 'month', $1) RETURNING id", [BUCKET])
    tenantId = rows[0].id
  })
  afterAll(async () => {
    clients.close()
    await worker.close()
    await owner.end()
    await database.drop()
  })
  beforeEach(async () => {
    bucket = new BucketFixture(clients, BUCKET)
    await bucket.wipe()
    reconcile = new ReconcileService(new BudgetStore(worker), bucket.outbox, new FakeClock(), silent)
    await owner.query('DELETE FROM budget_period')
  })
  const spend = (period: string, spentPico: bigint, version: bigint, ends = 'now() + interval \'1 day\'') =>
    owner.query(`INSERT INTO budget_period (tenant_id, scope, period, starts_at, ends_at, spent_pico, version) VALUES ($1, 'tenant', $2, now() - interval '3 days', ${ends}, $3, $4) ON CONFLICT (tenant_id, scope, period) DO UPDATE SET spent_pico = $3, version = $4`, [tenantId, period, spentPico, version])
  const inRedis = (period: string) => bucket.budgetState(budgetRedisKey(bucket.tag, tenantId, 'tenant', period))

  it('a sum whose confirmation was lost reaches Redis, and is told once', async () => {
    await spend('month:a', 5_000n, 3n)
    expect(await reconcile.run()).toBe(1)
    expect(await inRedis('month:a')).toMatchObject({ confirmed: 5n, version: 3n })
    expect(await reconcile.run()).toBe(0)
    await spend('month:a', 9_000n, 4n)
    expect(await reconcile.run()).toBe(1)
    expect(await inRedis('month:a')).toMatchObject({ confirmed: 9n, version: 4n })
  })

  it('an older sum than Redis knows changes nothing; a budget that is not loaded stays so', async () => {
    await spend('month:a', 9_000n, 4n)
    await reconcile.run()
    await spend('month:a', 5_000n, 3n)
    await reconcile.run()
    expect(await inRedis('month:a')).toMatchObject({ confirmed: 9n, version: 4n, isLoaded: false })
  })

  it('periods that are over, or in which nothing was spent, are left alone', async () => {
    await spend('month:old', 5_000n, 3n, "now() - interval '1 day'")
    await spend('month:new', 0n, 0n)
    expect(await reconcile.run()).toBe(0)
    expect(await bucket.keys('*bud*')).toEqual([])
  })

  it('after a failure everything is told again', async () => {
    await spend('month:a', 5_000n, 3n)
    await reconcile.run()
    await bucket.wipe()
    reconcile.forget()
    expect(await reconcile.run()).toBe(1)
    expect(await inRedis('month:a')).toMatchObject({ confirmed: 5n })
  })
})
