import { randomBytes } from 'node:crypto'
import { uuidv7 } from '@tollgate/kernel'
import { OutboundPools } from '@tollgate/platform/outbound'
import { Database } from '@tollgate/platform/postgres'
import { Client } from 'pg'
import { startSandbox, type Sandbox } from '../../apps/sandbox/src'
import { createDatabase, FakeClock, type TestDatabase } from '../../test/support'
import { CopiesService } from './copies.service'
import { HostJobStore } from './host-job.store'
import { RolloutRunner } from './rollout-runner.service'

const silent = { info() {}, call() {}, warn() {}, error() {}, forNest: () => ({ log() {}, error() {}, warn() {} }) }
const id = () => uuidv7(Date.now(), randomBytes(10))

describe('a worker that does a job', () => {
  const pools = new OutboundPools({ allowedCidrs: [], allowLoopback: true, allowedPorts: [] })
  let test: TestDatabase
  let owner: Client
  let worker: Database
  let sandbox: Sandbox
  beforeAll(async () => {
    test = await createDatabase()
    owner = new Client({ connectionString: test.ownerUrl })
    await owner.connect()
    worker = await Database.connect({ url: test.workerUrl, role: 'tg_worker', entities: [], poolSize: 2 })
    sandbox = await startSandbox({ hosts: [{ name: 'h', region: 'us-east', dialect: 'ollama', models: ['phi3'], defaults: { gap: 0 } }] })
  })
  afterAll(async () => {
    await pools.closeAll()
    await sandbox.close()
    await worker.close()
    await owner.end()
    await test.drop()
  })

  it('learns what the host holds before it tells that the job is done; where that fails the job is done all the same', async () => {
    const [store, clock, host] = [new HostJobStore(worker), new FakeClock(), id()]
    const runner = new RolloutRunner(store, pools, {} as CopiesService, clock, silent)
    await owner.query(`INSERT INTO host (id, name, region, provider, base_url, drain, status) VALUES ($1, 'h', 'us-east', 'ollama', $2, false, 'healthy')`, [host, sandbox.host('h').baseUrl])
    for (const end of [async () => undefined, () => Promise.reject(new Error('away'))]) {
      const [job] = await store.queue([{ id: id(), kind: 'create', hostId: host, model: 'ada', body: { model: 'ada', from: 'phi3', stream: true } }], new Date(clock.now()))
      const seen: string[] = []
      const learn = async (hostId: string) => {
        seen.push(hostId, (await store.find([job!]))[0]!.state)
        await end()
      }
      expect(await runner.runOne(new AbortController().signal, async () => null, learn)).toBe(true)
      expect(seen).toEqual([host, 'running'])
      expect(await store.find([job!])).toMatchObject([{ state: 'succeeded', error: null }])
    }
    expect(await runner.runOne(new AbortController().signal, async () => null, async () => undefined)).toBe(false)
  })
})
