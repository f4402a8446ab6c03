import fc from 'fast-check'
import { keptModel, keptName } from './model-name'
import { canonicalModel, matchesAny, matchesPattern, splitQualified } from './model-name'

const name = fc.string({ unit: fc.constantFrom(...'abcXYZ019.-_/: '), minLength: 1, maxLength: 12 }).filter((text) => text.trim() !== '')
const plain = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/)

describe('canonical names', () => {
  it.each([
    ['llama3.2', 'llama3.2'],
    ['llama3.2:latest', 'llama3.2'],
    [' llama3.2:latest ', 'llama3.2'],
    ['llama3.2:70b', 'llama3.2:70b'],
    ['GPT-4o', 'GPT-4o'],
    ['latest', 'latest'],
  ])('%j is %j', (text, canonical) => expect(canonicalModel(text)).toBe(canonical))

  it('one canonical name covers itself, its default tag and its family', () => {
    fc.assert(
      fc.property(plain, (model) => {
        expect(canonicalModel(`${model}:latest`)).toBe(model)
        expect(matchesPattern(model, model)).toBe(true)
        expect(matchesPattern(`${model}:latest`, model)).toBe(true)
        expect(matchesPattern(`${model}:*`, model)).toBe(true)
        expect(matchesPattern(`${model}:*`, `${model}:70b`)).toBe(true)
      }),
    )
  })
})

describe('tier patterns', () => {
  it.each([
    ['*', 'anything', true],
    ['llama3.2:*', 'llama3.2', true],
    ['llama3.2:*', 'llama3.2:90b', true],
    ['llama3.2:*', 'llama3.21', false],
    ['llama3.2:*', 'llama3', false],
    ['llama3.2', 'llama3.2:90b', false],
    ['llama3*', 'llama3.2', false],
    ['llama3.2:*', 'openai/llama3.2:x', false],
  ])('%s covers %s: %s', (pattern, model, covers) => expect(matchesPattern(pattern, model)).toBe(covers))

  it('a family never covers a longer name without its colon', () => {
    fc.assert(fc.property(plain, plain, (family, rest) => expect(matchesPattern(`${family}:*`, family + rest)).toBe(false)))
  })

  it('nothing is covered by no pattern', () => expect(matchesAny([], 'phi3')).toBe(false))
})

describe('qualified names', () => {
  const providers = new Set(['openai', 'ollama'])

  it.each([
    ['openai:gpt-4o', { provider: 'openai', model: 'gpt-4o' }],
    ['OpenAI/gpt-4o', { provider: 'openai', model: 'gpt-4o' }],
    ['ollama/llama3.2:latest', { provider: 'ollama', model: 'llama3.2' }],
    ['llama3.2:70b', null],
    ['meta/llama-3', null],
    ['openai:', null],
    [':gpt', null],
    ['openai', null],
  ])('%s', (text, split) => expect(splitQualified(text, providers)).toEqual(split))

  it('never invents a provider, never loses the model', () => {
    fc.assert(
      fc.property(name, (text) => {
        const split = splitQualified(text, providers)
        if (!split) return
        expect(providers.has(split.provider)).toBe(true)
        expect(text).toContain(split.model)
      }),
    )
  })
})

describe('kept weights', () => {
  it.each(['phi3', 'llama3.2:3b', 'a/b_c:d-e', 'x_s:_t__'])('of %s are named after it and found again', (model) => {
    const name = keptName(model, 'ab'.repeat(32))!
    expect(name).toMatch(/^tollgate-kept\/[\w.-]+:abababababab$/)
    expect(keptModel(name)).toBe(model)
  })

  it('are nothing that another name means, and of no name that is too long', () => {
    for (const name of ['phi3', 'tollgate-kept/phi3', 'tollgate-kept/phi3:latest', 'x/tollgate-kept/phi3:abababababab']) expect(keptModel(name)).toBeNull()
    expect(keptName('x'.repeat(81), 'ab'.repeat(32))).toBeNull()
  })
})
