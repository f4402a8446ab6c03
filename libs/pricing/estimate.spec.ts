import fc from 'fast-check'
import { countWords, lowEstimatePromptTokens, upperBoundPromptTokens } from './estimate'

const text = fc.string({ unit: 'binary', maxLength: 200 })

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

  it('images and absent contents count no words', () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AAAA BBBB' } }
    expect(lowEstimatePromptTokens([{ role: 'user', content: [image, { type: 'text', text: 'two words' }] }, { role: 'assistant', content: null }])).toBe(2)
  })
})
