import { Client } from 'pg'
import { Database } from '@tollgate/platform/postgres'
import { systemIds } from '@tollgate/platform/clock'
import { RedisClients } from '@tollgate/platform/redis'
import { createDatabase, redisTargets, type TestDatabase } from '../../../test/support'
import { HealthFoldStore } from './health-fold.store'
import { HealthStore } from './health.store'

const AT_MS = 1_700_000_000_000

describe.each(redisTargets())('folding the health of hosts, on $kind', ({ url }) => {
  let made: TestDatabase
  let worker: Database
  let clients: RedisClients
  let live: HealthStore
  let fold: HealthFoldStore
  const host = systemIds.uuid()

  beforeAll(async () => {
    made = await createDatabase()
    worker = await Database.connect({ url: made.workerUrl, role: 'tg_worker', entities: [], poolSize: 2, onError: () => undefined })
    clients = await RedisClients.connect(url, 5_000)
    live = new HealthStore(clients, systemIds)
    fold = new HealthFoldStore(worker, live)
    const owner = new Client({ connectionString: made.ownerUrl })
    await owner.connect()
    await owner.query(`INSERT INTO host (id, name, region, provider, base_url) VALUES ($1, 'one', 'us-east', 'ollama', 'http://x')`, [host])
    await owner.end()
  })
  afterAll(async () => {
    clients.close()
    await worker.close()
    await made.drop()
  })

  const count = (total: number, failed: number) => live.count(host, [{ model: 'phi3', total, failed, latencyMs: total * 10, lastUsedMs: AT_MS, lastError: failed > 0 ? 'http 503' : null, lastErrorMs: failed > 0 ? AT_MS : 0 }])
  const fared = async () => (await fold.fared([host])).map(({ total, failed, latencyMs, lastError, lastErrorMs, lastUsedMs }) => ({ total, failed, latencyMs, lastError, lastErrorMs, lastUsedMs }))

  it('adds what came since, once, through repeats and a Redis that lost its memory', async () => {
    await count(10, 2)
    await fold.fold()
    await fold.fold()
    expect(await fared()).toEqual([{ total: 10, failed: 2, latencyMs: 100, lastError: 'http 503', lastErrorMs: AT_MS, lastUsedMs: AT_MS }])
    await count(5, 0)
    await fold.fold()
    expect(await fared()).toEqual([expect.objectContaining({ total: 15, failed: 2, latencyMs: 150 })])
    await clients.notices.del(`health:{${host}}:totals`)
    await count(3, 1)
    await fold.fold()
    await fold.fold()
    expect(await fared()).toEqual([expect.objectContaining({ total: 18, failed: 3, latencyMs: 180, lastError: 'http 503' })])
  })

  it('keeps nothing of a host that is gone', async () => {
    const gone = systemIds.uuid()
    await live.count(gone, [{ model: 'phi3', total: 1, failed: 0, latencyMs: 1, lastUsedMs: AT_MS, lastError: null, lastErrorMs: 0 }])
    await fold.fold()
    expect(await fold.fared([gone])).toEqual([])
  })
})
