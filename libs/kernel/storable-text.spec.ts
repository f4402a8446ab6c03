import { isStorable, storableText } from './storable-text'

describe('text for a database', () => {
  it.each([['', true], ['é 🙂 \u2028 \ufffe', true], ['a\0', false], ['a\ud83d', false], ['\udc00 b', false]])('%j: %p', (text, is) => {
    // Twice: a pattern that remembers its place would say another thing the second time.
    expect([isStorable(text), isStorable(text)]).toEqual([is, is])
    expect(storableText(text) === text).toBe(is)
    expect(isStorable(storableText(text))).toBe(true)
  })
})
