import { KeptRecords } from './kept-records'

/** A store of one record that can be away, and a clock that is moved. */
function setUp() {
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs, monotonicMs: () => clock.nowMs }
  const store = { reads: 0, isAway: false, version: 1 as number | null, hangs: false }
  const read = async () => {
    store.reads++
    if (store.hangs) return new Promise<never>(() => undefined)
    if (store.isAway) throw new Error('away')
    return store.version === null ? null : { version: store.version }
  }
  const records = new KeptRecords<{ version: number }>({ most: 10, freshMs: 10_000, staleMs: 900_000, mostReadMs: 50 }, clock)
  const versionAfter = async (ms: number) => {
    clock.nowMs += ms
    return (await records.get('a', read))?.version ?? null
  }
  /** What was begun in the background has ended by then. */
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return { store, records, read, versionAfter, settled }
}

describe('records kept in memory', () => {
  afterEach(() => jest.useRealTimers())

  it('are read once for all who ask at once, and again when they are old', async () => {
    const { store, records, read, versionAfter } = setUp()
    expect(await Promise.all([records.get('a', read), records.get('a', read)])).toEqual([{ version: 1 }, { version: 1 }])
    store.version = 2
    expect([await versionAfter(9_999), store.reads]).toEqual([1, 1])
    expect([await versionAfter(1), store.reads]).toEqual([2, 2])
  })

  it('serve on for a quarter of an hour while their store is away, which is asked once a second and waited for once', async () => {
    // Time-outs do not pass by themselves: whoever waits for one, waits for ever.
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
    const { store, versionAfter, settled } = setUp()
    await versionAfter(0)
    store.isAway = true
    expect([await versionAfter(10_000), store.reads]).toEqual([1, 2])
    expect([await versionAfter(999), store.reads]).toEqual([1, 2])
    store.hangs = true
    expect([await versionAfter(1), store.reads]).toEqual([1, 3])
    expect([await versionAfter(500), await versionAfter(400), store.reads]).toEqual([1, 1, 3])
    Object.assign(store, { isAway: false, hangs: false, version: 2 })
    jest.advanceTimersByTime(60)
    await settled()
    expect(await versionAfter(200)).toBe(1)
    await settled()
    expect([await versionAfter(0), store.reads]).toEqual([2, 4])
  })

  it('are too old after that, and never known ones are not there at all', async () => {
    const { store, versionAfter } = setUp()
    store.isAway = true
    await expect(versionAfter(0)).rejects.toThrow('away')
    store.isAway = false
    await versionAfter(0)
    store.isAway = true
    expect(await versionAfter(899_999)).toBe(1)
    await expect(versionAfter(1)).rejects.toThrow('away')
  })

  it('a store that swallows questions fails in time', async () => {
    const { store, versionAfter } = setUp()
    store.hangs = true
    await expect(versionAfter(0)).rejects.toThrow('in time')
  })

  it('that are gone are forgotten; what was being read when it was forgotten is not kept', async () => {
    const { store, records, read, versionAfter } = setUp()
    await versionAfter(0)
    store.version = null
    expect(await versionAfter(10_000)).toBeNull()
    store.version = 3
    const reading = records.get('a', read)
    records.forget('a')
    expect((await reading)?.version).toBe(3)
    expect([...records.entries()]).toEqual([])
    store.version = 4
    expect(await versionAfter(0)).toBe(4)
  })
})
