import { readConfig, variablesOf } from './config-file'

const faults = (text: string, variables: Record<string, string> = {}) => {
  const read = readConfig(text, variables)
  return read.kind === 'read' ? [] : read.faults.map(({ line, column, message }) => `${line}:${column} ${message}`)
}

describe('reading the file', () => {
  it.each<[string, string, RegExp]>([
    ['a duplicate key', 'tiers: []\nhosts: []\ntiers: []\n', /^3:1 this key stands twice/],
    ['a duplicate key inside', 'a:\n  b: 1\n  b: 2\n', /^3:3 this key stands twice/],
    ['what is no YAML', 'a: [1\nb: 2\n', /^\d+:\d+ /],
    ['a second document', 'a: 1\n---\nb: 2\n', /^2:1 /],
    ['an unknown tag', 'a: !!js/function x\n', /^1:4 /],
    ['a missing variable', 'a: 1\nb:\n  c: "x ${env:NOPE} y"\n', /^3:6 the variable NOPE is not set/],
    ['a variable that is none', 'a: ${env:9}\n', /^1:4 a variable is written/],
    ['a key that is a list', '? [a]\n: 1\n', /^1:3 a key must be a plain name/],
    ['a key of another world', '__proto__: 1\n', /^1:1 a key must be a plain name/],
    ['a text with NUL', 'a: [b, "x\\0y"]\n', /^1:8 holds a character that is none/],
    ['a text with half a character', 'a: "\\ud83d"\n', /^1:4 holds a character that is none/],
    ['a key with NUL', '"x\\0y": 1\n', /^1:1 a key must be a plain name/],
    ['a bomb', `a: &a [${'1,'.repeat(300)}]\nb: &b [${'*a,'.repeat(300)}]\nc: [${'*b,'.repeat(300)}]\n`, /more than 50000 values/],
    ['a well', `a: ${'['.repeat(40)}${']'.repeat(40)}\n`, /32 deep/],
    ['a file beyond bounds', `a: ${'x'.repeat(1_000_001)}`, /longer than 1000000/],
  ])('refuses %s, with line and column', (_name, text, told) => expect(faults(text)).toEqual([expect.stringMatching(told)]))

  it('reads characters beyond the first plane, escaped or not', () => expect(readConfig('a: "\\ud83d\\ude00\ud83d\ude00"\n', {})).toMatchObject({ file: { root: { a: '\ud83d\ude00\ud83d\ude00' } } }))

  it('puts variables in after parsing: a value cannot add a key', () => {
    const read = readConfig('a: ${env:EVIL}\nb: "${env:X:-y z}"\nc: ${env:EVIL:-n}\n', { EVIL: 'x\nadmin: true # "' })
    expect(read).toMatchObject({ kind: 'read', file: { root: { a: 'x\nadmin: true # "', b: 'y z', c: 'x\nadmin: true # "' } } })
    expect(variablesOf('# ${env:COMMENT}\na: ${env:ONE} ${env:TWO:-2}\nb: ${env:ONE}\n')).toEqual(['ONE', 'TWO'])
  })

  it('knows where everything stands, and of what is not there the nearest', () => {
    const read = readConfig('hosts:\n  - name: a\n    region: b\n  -\n    name: &n c\n    region: *n\n', {})
    if (read.kind !== 'read') throw new Error('it must be read')
    expect(read.file.root).toEqual({ hosts: [{ name: 'a', region: 'b' }, { name: 'c', region: 'c' }] })
    expect(read.file.placeOf(['hosts', 0, 'region'])).toEqual({ line: 3, column: 5 })
    expect(read.file.placeOf(['hosts', 1, 'region'])).toEqual({ line: 6, column: 5 })
    expect(read.file.placeOf(['hosts', 0, 'drain'])).toEqual({ line: 2, column: 5 })
    expect(readConfig('', {})).toMatchObject({ kind: 'read', file: { root: {} } })
  })
})
