import { driftOf, drifts, isSameDefinition, meantDigest, rollbackTarget, type Holding, type ModelVersion } from './model-version'

const [A, B] = ['a'.repeat(64), 'ab'.repeat(32)]
const held = (host: string, digest: string | null, kept: string[] = [], model = 'm'): Holding => ({ model, host, digest, kept })
const version = (number: number): ModelVersion => ({ model: 'm', version: number, cause: 'definition', modelfile: null, baseModel: null, parameters: {}, prompt: null, digest: null, createdAt: new Date(0) })

describe('drift', () => {
  it.each<[string, string | null, Holding[], unknown]>([
    ['nothing held', null, [], null],
    ['one digest everywhere', null, [held('x', A), held('y', A)], null],
    ['a cloud that tells no digest beside a host', null, [held('x', A), held('cloud', null)], null],
    ['two digests', null, [held('z', B), held('x', A), held('y', A)], { model: 'm', kind: 'mixed', hosts: ['z'] }],
    ['all hold the pinned', A, [held('x', A)], null],
    ['one holds another than the pinned, though it kept that', A, [held('x', A), held('y', B, [A])], { model: 'm', kind: 'off_pin', hosts: ['y'] }],
    ['nobody holds the pinned', A, [held('x', B)], { model: 'm', kind: 'off_pin', hosts: ['x'] }],
  ])('%s', (_name, pinned, holdings, told) => expect(driftOf('m', pinned, holdings)).toEqual(told))

  it('is told by model', () => {
    const all = [held('x', A, [], 'z'), held('y', B, [], 'z'), held('x', A, [], 'b'), held('x', A, [], 'a')]
    expect(drifts(all, new Map([['a', B]])).map(({ model, kind }) => [model, kind])).toEqual([['a', 'off_pin'], ['z', 'mixed']])
  })
})

describe('a digest is meant', () => {
  const holdings = [held('x', A), held('y', B, ['c'.repeat(64)])]
  it.each<[string, string | null]>([
    [A, A],
    [`sha256:${A}`, A],
    ['aaaaaaaa', A],
    ['ABABABAB', B],
    ['cccccccc', 'c'.repeat(64)],
    ['aaaaaaa', null],
    ['dddddddd', null],
  ])('by %s', (wanted, meant) => expect(meantDigest(wanted, holdings)).toBe(meant))

  it('by nothing that two begin with', () => {
    const twins = [held('x', `${'e'.repeat(32)}${'f'.repeat(32)}`), held('y', 'e'.repeat(64))]
    expect(meantDigest('e'.repeat(12), twins)).toBeNull()
    expect(meantDigest('e'.repeat(64), twins)).toBe('e'.repeat(64))
  })
})

it('one goes back to the version before the current, or to the one named', () => {
  const versions = [1, 2, 3].map(version)
  expect(rollbackTarget(versions, 3, null)?.version).toBe(2)
  expect(rollbackTarget(versions, 2, null)?.version).toBe(1)
  expect(rollbackTarget(versions, 1, 3)?.version).toBe(3)
  expect([rollbackTarget(versions, 1, null), rollbackTarget(versions, 3, 9), rollbackTarget([], null, null)]).toEqual([null, null, null])
})

it('a definition is the same whatever the order of its parameters', () => {
  const one = { modelfile: null, baseModel: null, parameters: { a: 1, b: 2 }, prompt: null }
  expect(isSameDefinition(one, { ...one, parameters: { b: 2, a: 1 } })).toBe(true)
  for (const other of [{ prompt: 'x' }, { modelfile: 'FROM x' }, { parameters: { a: 1 } }, { baseModel: 'x' }]) expect(isSameDefinition(one, { ...one, ...other })).toBe(false)
})
