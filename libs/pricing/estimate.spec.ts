import fc from 'fast-check'
import { anyCharacter } from '../../test/support/any-text'
import { countWords, lowEstimatePromptTokens, upperBoundPromptTokens } from './estimate'

const text = fc.string({ unit: anyCharacter, maxLength: 200 })

describe('words', () => {
  it('are what splitting at white space gives', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'é', '漢', ' ', '\n', '\t', '\r', '\u00a0'), maxLength: 60 }), (words) => {
      expect(countWords(words)).toBe(words.split(/[\s\u00a0]+/).filter(Boolean).length)
    }))
  })
})

describe('prompt tokens', () => {
  it('the low estimate never passes the upper bound of the same body', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 8 }), (contents) => {
        const messages = contents.map((content) => ({ role: 'user' as const, content }))
        const bytes = Buffer.byteLength(JSON.stringify({ messages }))
        expect(lowEstimatePromptTokens(messages)).toBeLessThanOrEqual(upperBoundPromptTokens(bytes, messages.length))
      }),
    )
  })

  it('the upper bound covers one token a byte and the template of each message', () => {
    fc.assert(fc.property(fc.nat(10_000_000), fc.nat(1_000), (bytes, messages) => expect(upperBoundPromptTokens(bytes, messages)).toBeGreaterThanOrEqual(bytes + 16 * messages)))
  })

  it('the low estimate knows scripts that do without spaces', () => {
    const least = (content: string) => lowEstimatePromptTokens([{ role: 'user', content }])
    expect([least('one two three'), least('漢'.repeat(300)), least('한국어'.repeat(100)), least('ひらがな カタカナ'), least('')]).toEqual([3, 100, 100, 2, 0])
  })

  it('an image reserves what any provider counts for one, however few or many its bytes are', () => {
    const bound = (bytes: number, images: { count: number; bytes: number }) => upperBoundPromptTokens(bytes, 1, images) - upperBoundPromptTokens(0, 1)
    expect(bound(5_000_100, { count: 1, bytes: 5_000_000 })).toBe(50_100)
    expect(bound(150, { count: 2, bytes: 50 })).toBe(100_100)
  })

  it('images and absent contents count no words', () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AAAA BBBB' } }
    expect(lowEstimatePromptTokens([{ role: 'user', content: [image, { type: 'text', text: 'two words' }] }, { role: 'assistant', content: null }])).toBe(2)
  })
})
