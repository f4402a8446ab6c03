import { Database } from '@tollgate/platform/postgres'
import { createDatabase, type TestDatabase } from '../../test/support'
import type { FoundModel } from './domain/model'
import { ModelStore } from './model.store'
import { VersionStore } from './version.store'

describe('models that discovery found', () => {
  let test: TestDatabase
  let database: Database
  let store: ModelStore
  beforeAll(async () => {
    test = await createDatabase()
    database = await Database.connect({ url: test.workerUrl, role: 'tg_worker', entities: [], poolSize: 2 })
    store = new ModelStore(database, new VersionStore(database))
  })
  afterAll(async () => {
    await database.close()
    await test.drop()
  })

  const found = (over: Partial<FoundModel> = {}): FoundModel => ({ name: 'brand-new:1b', sizeBytes: null, details: {}, capabilities: [], contextLength: null, digest: null, ...over })
  const model = async () => (await store.all()).find(({ name }) => name === 'brand-new:1b')!
  const KNOWN = found({ sizeBytes: 7, details: { family: 'llama' }, capabilities: ['completion', 'tools'], contextLength: 4096 })

  it('are added without a guess: what no host says is unknown', async () => {
    expect(await store.register([found()])).toBe(true)
    expect(await model()).toMatchObject({ sizeBytes: null, contextLength: null, capabilities: { isKnown: false, tools: false } })
    expect(await store.register([found()])).toBe(false)
  })

  it('learn from a host that says more, and forget nothing through one that says nothing', async () => {
    expect(await store.register([KNOWN])).toBe(true)
    for (const again of [KNOWN, found()]) expect(await store.register([again])).toBe(false)
    expect(await model()).toMatchObject({ sizeBytes: 7, details: { family: 'llama' }, contextLength: 4096, capabilities: { isKnown: true, tools: true, vision: false } })
  })

  it('follow what the host says next, a context length alone too', async () => {
    expect(await store.register([{ ...KNOWN, contextLength: 8192 }])).toBe(true)
    expect(await store.register([{ ...KNOWN, contextLength: 8192, capabilities: ['completion', 'vision'] }])).toBe(true)
    expect(await model()).toMatchObject({ contextLength: 8192, capabilities: { tools: false, vision: true } })
  })

  it('leave a context length alone that an operator wrote, until the operator gives it back', async () => {
    const write = (length: number | null) => database.asPlatform((tx) => tx.query('UPDATE model SET context_length = $1, is_context_set = $2 WHERE name = $3', [length, length !== null, 'brand-new:1b']))
    await write(1_000)
    expect(await store.register([{ ...KNOWN, contextLength: 16_384, capabilities: ['completion', 'vision'] }])).toBe(false)
    expect(await store.register([{ ...KNOWN, contextLength: 16_384 }])).toBe(true)
    expect(await model()).toMatchObject({ contextLength: 1_000, capabilities: { tools: true } })
    await write(null)
    expect(await store.register([{ ...KNOWN, contextLength: 16_384 }])).toBe(true)
    expect(await model()).toMatchObject({ contextLength: 16_384 })
  })
})
