import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { uuidv7 } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import { createDatabase, eventually, type TestDatabase } from '../../../test/support'
import { addTenant } from '../../../test/support/seeding'
import { TraceStore, type RequestTrace } from './trace.store'
import { TracesService } from './traces.service'

const id = () => uuidv7(Date.now(), randomBytes(10))
const rules = { of: () => Promise.resolve(new Map()) }

describe('traces', () => {
  let database: TestDatabase
  let owner: Client
  let app: Database
  let worker: Database
  beforeAll(async () => {
    database = await createDatabase()
    owner = new Client({ connectionString: database.ownerUrl })
    await owner.connect()
    app = await Database.connect({ url: database.appUrl, role: 'tg_app', entities: [], poolSize: 2 })
    worker = await Database.connect({ url: database.workerUrl, role: 'tg_worker', entities: [], poolSize: 2 })
  })
  afterAll(async () => {
    await Promise.all([app.close(), worker.close(), owner.end()])
    await database.drop()
  })

  it('of several tenants are written at once, each read by its own alone; a second trace of a request is dropped', async () => {
    const [a, b] = [await addTenant(owner), await addTenant(owner)]
    const [one, two] = [id(), id()]
    const trace = (tenantId: string, rid: string, note: string): RequestTrace => ({ tenantId, rid, explanation: { note }, features: null })
    const store = new TraceStore(app)
    await store.append([trace(a.id, one, 'first'), trace(b.id, two, 'other'), trace(a.id, one, 'again')])
    expect([await store.find(a.id, one), await store.find(b.id, two), await store.find(b.id, one), await store.find(a.id, id())]).toEqual([{ note: 'first' }, { note: 'other' }, null, null])
  })

  it('hold words that jsonb does not take, and one that Postgres refuses holds up no other', async () => {
    const { id: tenantId } = await addTenant(owner)
    const [odd, cut, plain, orphan] = [id(), id(), id(), id()]
    const traces = new TracesService(rules as never, new TraceStore(app), { warn: () => undefined } as never)
    const note = (tenant: string, rid: string, words: string) => traces.note({ tenantId: tenant, rid, explain: () => ({ words }), prompt: null })
    note(id(), orphan, 'its tenant is gone')
    note(tenantId, odd, 'a\0b\ud83d')
    note(tenantId, cut, 'a\ud83d')
    note(tenantId, plain, 'c')
    await eventually(async () => {
      await traces.flush()
      expect(await new TraceStore(app).find(tenantId, odd)).toEqual({ words: 'a\ufffdb\ufffd' })
      expect(await new TraceStore(app).find(tenantId, cut)).toEqual({ words: 'a\ufffd' })
      expect(await new TraceStore(app).find(tenantId, plain)).toEqual({ words: 'c' })
    })
    expect(traces.dropped).toBe(1)
  })

  it('are not lost by a write that comes while rule sets are read', async () => {
    const written: string[] = []
    let read: (sets: unknown) => void = () => undefined
    const slow = { of: () => new Promise((resolve) => (read = resolve)) }
    const store = { append: (traces: readonly RequestTrace[]) => Promise.resolve(void written.push(...traces.map(({ rid }) => rid))) }
    const traces = new TracesService(slow as never, store as never, { warn: () => undefined } as never)
    const [first, second] = [id(), id()]
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    traces.note({ tenantId: id(), rid: first, explain: () => ({}), prompt: { messages: [{ role: 'user', content: 'hi' }], language: undefined, project: null } })
    traces.note({ tenantId: id(), rid: second, explain: () => ({}), prompt: null })
    await turn()
    await traces.flush()
    expect(written).toEqual([second])
    read(new Map())
    await turn()
    await traces.flush()
    expect(written).toEqual([second, first])
  })

  it('are forgotten after 30 days', async () => {
    const { id: tenantId } = await addTenant(owner)
    const [old, young] = [id(), id()]
    await new TraceStore(app).append([old, young].map((rid) => ({ tenantId, rid, explanation: {}, features: null })))
    await owner.query(`UPDATE request_trace SET recorded_at = now() - interval '31 days' WHERE rid = $1`, [old])
    await owner.query(`UPDATE request_trace SET recorded_at = now() - interval '29 days' WHERE rid = $1`, [young])
    expect(await new TraceStore(worker).purge()).toBe(1)
    expect((await owner.query('SELECT rid FROM request_trace WHERE tenant_id = $1', [tenantId])).rows).toEqual([{ rid: young }])
  })

  it('wait while Postgres is away, within bounds; a flood of one tenant leaves room for the others', async () => {
    const written: RequestTrace[] = []
    let isAway = true
    const store = { append: (traces: readonly RequestTrace[]) => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(void written.push(...traces))) }
    const traces = new TracesService(rules as never, store as never, { warn: () => undefined } as never)
    const note = (tenantId: string) => traces.note({ tenantId, rid: id(), explain: () => ({}), prompt: { messages: [{ role: 'user', content: 'hi' }], language: undefined, project: null } })
    for (let i = 0; i < 3_000; i++) note('flood')
    note('quiet')
    expect(traces.dropped).toBe(2_000)
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    await expect(traces.flush()).rejects.toThrow('away')
    isAway = false
    await eventually(async () => {
      await traces.flush()
      expect(written).toHaveLength(1_001)
    })
    expect(written.filter(({ tenantId }) => tenantId === 'quiet')).toMatchObject([{ features: { words: 1, language: 'english' } }])
  })
})
