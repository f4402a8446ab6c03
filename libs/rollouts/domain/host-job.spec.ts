import { afterAttempt, callOf, choresBefore, MOST_ATTEMPTS, readLine } from './host-job'

describe('a line of a job', () => {
  it.each<[string, unknown]>([
    ['{"status":"pulling manifest"}', { progress: { status: 'pulling manifest', total: null, completed: null } }],
    ['{"status":"pulling ab12","digest":"sha256:ab12","total":100,"completed":40}', { progress: { status: 'pulling ab12', total: 100, completed: 40 } }],
    ['{"status":"x","total":-1,"completed":1e300}', { progress: { status: 'x', total: null, completed: null } }],
    ['{"status":"success"}', 'done'],
    ['{"model":"m","response":"","done":true,"done_reason":"load"}', 'done'],
    ['{"error":"pull model manifest: file does not exist"}', { error: 'pull model manifest: file does not exist' }],
    ['{"error":{"a":1}}', { error: '[object Object]' }],
    ['nonsense', { error: 'the host sent a line that is not JSON' }],
    ['null', null],
    ['{"other":1}', null],
  ])('%s', (line, told) => expect(readLine(line)).toEqual(told))
})

describe('after an attempt', () => {
  const failed = { kind: 'failed', error: 'reset', isFinal: false } as const
  it('a job that is done or cancelled is over', () => {
    expect(afterAttempt({ kind: 'done' }, 1, 5)).toEqual({ state: 'succeeded', error: null, nextAtMs: 5 })
    expect(afterAttempt({ kind: 'cancelled' }, 1, 5)).toMatchObject({ state: 'cancelled' })
  })
  it('one that broke is begun again, later each time, until it was often enough', () => {
    expect([1, 2, 3, 4].map((attempt) => afterAttempt(failed, attempt, 0))).toEqual([2_000, 4_000, 8_000, 16_000].map((nextAtMs) => ({ state: 'queued', error: 'reset', nextAtMs })))
    expect(afterAttempt(failed, MOST_ATTEMPTS, 0)).toEqual({ state: 'failed', error: 'reset', nextAtMs: 0 })
  })
  it("one that the host refuses has failed", () => expect(afterAttempt({ ...failed, isFinal: true }, 1, 0)).toMatchObject({ state: 'failed' }))
})

it('a job is one call', () => {
  expect(callOf('delete')).toEqual({ method: 'DELETE', path: '/api/delete' })
  expect(callOf('preload')).toEqual({ method: 'POST', path: '/api/generate' })
})

describe('before a job', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string]
  const held = { name: 'ada:latest', digest: a, kept: { [b]: { name: 'kept-b' }, [c]: { name: 'kept-c' } }, pinnedDigest: c }
  const paths = (chores: ReturnType<typeof choresBefore>) => chores.map(({ path, body }) => [path, body.destination ?? body.model])

  it('weights that will be replaced are kept, and those kept before go, but for the pinned', () => {
    for (const kind of ['pull', 'create'] as const) expect(paths(choresBefore(kind, 'ada', held))).toEqual([['/api/copy', `tollgate-kept/ada:${a.slice(0, 12)}`], ['/api/delete', 'kept-b']])
  })
  it('a deletion takes all that was kept along', () => expect(paths(choresBefore('delete', 'ada', held))).toEqual([['/api/delete', 'kept-b'], ['/api/delete', 'kept-c']]))
  it('nothing is done where nothing is held, or replaced', () => {
    expect([choresBefore('pull', 'ada', null), choresBefore('preload', 'ada', held), choresBefore('pull', 'ada', { ...held, digest: null, kept: {} })]).toEqual([[], [], []])
  })
})
