import fc from 'fast-check'
import { anyCharacter } from '../../../test/support/any-text'
import { cursorOf, keysOf } from './report-cursor'

const text = fc.string({ unit: 'grapheme' }).filter((key) => !key.includes('\u0000'))

describe('a cursor', () => {
  it('gives back its keys to the same grouping, and to no other', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 2 }), (keys) => {
        expect(keysOf(cursorOf(['model', 'day'], keys), ['model', 'day'])).toEqual(keys)
        expect(keysOf(cursorOf(['model', 'day'], keys), ['day', 'model'])).toBeNull()
        expect(keysOf(cursorOf(['model', 'day'], keys), ['model'])).toBeNull()
      }),
    )
  })

  it('may hold the currency besides', () => expect(keysOf(cursorOf(['model'], ['phi3', 'USD']), ['model'])).toEqual(['phi3', 'USD']))

  it('that somebody made up is none, and never a fault', () => {
    const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    for (const value of [null, 1, 'x', [], [['model']], [['model'], 'phi3'], [['model'], []], [['model'], [1]], [['model'], ['a', 'b', 'c']], [['model'], ['a\u0000']], { 0: ['model'], 1: ['a'] }]) expect(keysOf(made(value), ['model'])).toBeNull()
    fc.assert(fc.property(fc.string({ unit: anyCharacter }), (cursor) => expect(keysOf(cursor, ['model'])).toBeNull()))
  })
})
