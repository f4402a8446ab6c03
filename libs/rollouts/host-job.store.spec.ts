import { randomBytes } from 'node:crypto'
import { uuidv7 } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import { Client } from 'pg'
import { createDatabase, type TestDatabase } from '../../test/support'
import { CopiesStore } from './copies.store'
import { HostJobStore } from './host-job.store'

const id = () => uuidv7(Date.now(), randomBytes(10))
const [T0, LEASE_MS] = [Date.UTC(2026, 0, 1), 30_000]
const at = (ms: number) => new Date(T0 + ms)

describe('jobs on hosts, and the fleet as the planner sees it', () => {
  let test: TestDatabase
  let owner: Client
  let workers: Database[]
  let store: HostJobStore
  let copies: CopiesStore
  const hosts: Record<string, string> = {}
  beforeAll(async () => {
    test = await createDatabase()
    owner = new Client({ connectionString: test.ownerUrl })
    await owner.connect()
    workers = await Promise.all([1, 2].map(() => Database.connect({ url: test.workerUrl, role: 'tg_worker', entities: [], poolSize: 3 })))
    store = new HostJobStore(workers[0]!)
    copies = new CopiesStore(workers[0]!)
    for (const name of ['a', 'b']) await owner.query(`INSERT INTO host (id, name, region, provider, base_url, drain, status, disk_bytes) VALUES ($1, $2, 'us-east', 'ollama', 'http://x', false, 'healthy', 1000)`, [(hosts[name] = id()), name])
  })
  beforeEach(() => owner.query('DELETE FROM host_job'))
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.close()))
    await owner.end()
    await test.drop()
  })
  const queue = async (host: string, model: string, forCopies = false) => (await store.queue([{ id: id(), kind: 'pull', hostId: hosts[host]!, model, body: { model }, forCopies }], at(0)))[0]!
  const take = (ms: number) => store.take(at(ms), at(ms + LEASE_MS))

  it('a worker that dies is relieved when its lease is over: the job is begun again, and its late word counts no more', async () => {
    const job = await queue('a', 'm')
    const dead = await take(1)
    expect(dead).toMatchObject({ id: job, attempt: 1, held: null })
    expect(await take(LEASE_MS)).toBeNull()
    expect(await take(LEASE_MS + 1)).toMatchObject({ id: job, attempt: 2 })
    expect(await store.hold(dead!, null, at(99_000))).toBe(false)
    await store.end(dead!, { state: 'failed', error: 'late', nextAt: at(0), progress: null }, at(0))
    expect(await store.find([job])).toMatchObject([{ state: 'running', attempts: 2 }])
  })

  it('what is asked for anew while it runs is done once more, with what was asked last', async () => {
    const again = (modelfile: string) => store.queue([{ id: id(), kind: 'create', hostId: hosts.a!, model: 'm', body: { modelfile } }], at(0))
    const [job] = await again('one')
    const first = (await take(1))!
    expect(await again('two')).toEqual([job])
    await store.end(first, { state: 'succeeded', error: null, nextAt: at(2), progress: null }, at(2))
    const second = (await take(2))!
    expect(second).toMatchObject({ id: job, attempt: 2, body: { modelfile: 'two' } })
    await store.end(second, { state: 'succeeded', error: null, nextAt: at(3), progress: null }, at(3))
    expect(await store.find([job!])).toMatchObject([{ state: 'succeeded' }])
    expect(await take(4)).toBeNull()
  })

  it('one job at a time on a host, the same work once, and an operator’s wish is not withdrawn with the planner’s', async () => {
    const planned = await queue('a', 'm', true)
    await queue('a', 'n')
    await queue('b', 'm')
    expect(await queue('a', 'm')).toBe(planned)
    const taken = [await take(1), await take(1), await take(1)]
    expect(taken.map((job) => job?.hostId ?? null).sort()).toEqual([hosts.a!, hosts.b!, null].sort())
    expect((await copies.fleet()).open.find((job) => job.id === planned)).toMatchObject({ forCopies: false, isRunning: true })
  })

  it('one worker plans at a time, and the lock of one that ended is free', async () => {
    const other = new CopiesStore(workers[1]!)
    const planned: string[] = []
    await copies.asPlanner(async () => {
      planned.push('first')
      await other.asPlanner(async () => void planned.push('second, meanwhile'))
    })
    await copies.asPlanner(() => Promise.reject(new Error('dies'))).catch(() => undefined)
    await other.asPlanner(async () => void planned.push('third'))
    expect(planned).toEqual(['first', 'third'])
  })

  it('the fleet has what is held with what is kept, and what is pinned serves only where it is', async () => {
    const [digest, former] = ['d'.repeat(64), 'f'.repeat(64)]
    await owner.query(`INSERT INTO model (name, display_name, origin, pinned_digest) VALUES ('m', 'm', 'operator', $1)`, [former])
    await owner.query(`INSERT INTO deployment (host_id, model, upstream_name, digest, size_bytes, kept) VALUES ($1, 'm', 'm', $3, 70, $4), ($2, 'm', 'm', $3, 70, '{}')`, [hosts.a, hosts.b, digest, JSON.stringify({ [former]: { name: 'kept', size: 7 } })])
    await owner.query(`UPDATE host SET status = 'unhealthy', unhealthy_since = now() - interval '90 s' WHERE name = 'b'`)
    expect((await copies.fleet()).hosts).toEqual([
      { id: hosts.a, name: 'a', region: 'us-east', takesCalls: true, downMs: null, diskBytes: 1000, held: [{ model: 'm', digest, sizeBytes: 77, serves: true }] },
      { id: hosts.b, name: 'b', region: 'us-east', takesCalls: true, downMs: expect.any(Number), diskBytes: 1000, held: [{ model: 'm', digest, sizeBytes: 70, serves: false }] },
    ])
    expect((await copies.fleet()).hosts[1]!.downMs).toBeGreaterThanOrEqual(90_000)
  })

  it('failures are counted since the last success', async () => {
    const ended = (model: string, state: string, agoMs: number) =>
      owner.query(`INSERT INTO host_job (id, kind, host_id, model, body, state, next_at, created_at, finished_at, for_copies) VALUES ($1, 'pull', $2, $3, '{}', $4, now(), now(), now() - $5 * interval '1 ms', true)`, [id(), hosts.a, model, state, agoMs])
    for (const [state, agoMs] of [['failed', 9_000], ['succeeded', 8_000], ['failed', 7_000], ['failed', 6_000], ['cancelled', 5_000]] as const) await ended('x', state, agoMs)
    await ended('y', 'succeeded', 1)
    expect((await copies.fleet()).failures).toEqual([{ hostId: hosts.a, model: 'x', count: 2, lastMs: expect.any(Number) }])
  })
})
