import fc from 'fast-check'
import { judgeAlias } from './alias-rule'
import { followName, type NameBook } from './resolve'

const book = (aliases: Record<string, string | undefined>[], models = ['phi3', 'llama3.2', 'gpt-4o']): NameBook => ({ hasModel: (name) => models.includes(name), aliases: aliases.map((map) => new Map(Object.entries(map) as [string, string][])), providers: new Set(['openai', 'ollama']) })

describe('a name', () => {
  it.each([
    ['phi3', [{ phi3: 'llama3.2' }], 'phi3', null],
    ['phi3:latest', [{}], 'phi3', null],
    ['fast', [{ fast: 'phi3' }], 'phi3', null],
    ['fast', [{ fast: 'llama3.2' }, { fast: 'phi3' }, { fast: 'gpt-4o' }], 'llama3.2', null],
    ['fast', [{}, { fast: 'phi3' }, { fast: 'gpt-4o' }], 'phi3', null],
    ['mine', [{ mine: 'fast' }, {}, { fast: 'phi3' }], 'phi3', null],
    ['openai:gpt-4o', [{}], 'gpt-4o', 'openai'],
    ['cloud', [{ cloud: 'openai/gpt-4o' }], 'gpt-4o', 'openai'],
  ])('%s in %j is %s of %s', (name, aliases, model, provider) => expect(followName(name, book(aliases))).toMatchObject({ kind: 'model', model, provider }))

  it('tells its steps', () => expect(followName('mine', book([{ mine: 'fast' }, {}, { fast: 'phi3' }]))).toMatchObject({ steps: ['alias: mine → fast', 'alias: fast → phi3', 'catalogue: phi3'] }))
  it('that is nothing is unknown, and not broken', () => expect(followName('x', book([{}]))).toEqual({ kind: 'unknown' }))

  it.each([
    ['a', [{ a: 'b', b: 'gone' }], 'gone is neither a model nor an alias (a → b → gone)'],
    ['a', [{ a: 'openai:gone' }], 'openai:gone is neither a model nor an alias (a → openai:gone)'],
    ['a', [{ a: 'a' }], 'it leads in a circle (a → a)'],
    ['a', [{ a: 'b' }, { b: 'a' }], 'it leads in a circle (a → b → a)'],
  ])('%s in %j is not followed: %s', (name, aliases, why) => expect(followName(name, book(aliases))).toEqual({ kind: 'broken', why }))

  it('ends somewhere in any book, and at a model when it says so', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'phi3', 'openai:gpt-4o', 'openai:gone')
    fc.assert(
      fc.property(name, fc.array(fc.dictionary(name, name), { maxLength: 3 }), (wanted, aliases) => {
        const found = followName(wanted, book(aliases))
        if (found.kind === 'model') expect(['phi3', 'llama3.2', 'gpt-4o']).toContain(found.model)
        else expect(found.kind === 'unknown').toBe(!aliases.some((map) => wanted in map))
      }),
    )
  })
})

it('an alias that may be written is followed at once', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'phi3', 'gone')
  fc.assert(
    fc.property(name, name, fc.dictionary(fc.constantFrom('a', 'b', 'c'), name), (alias, target, known) => {
      const isAllowed = judgeAlias({ name: alias, target }, book([known])) === null
      expect(isAllowed).toBe(alias !== 'phi3' && followName(alias, book([{ ...known, [alias]: target }])).kind === 'model')
    }),
  )
})
