import fc from 'fast-check'
import { likelyInputTokens } from './estimate'

const user = (content: unknown) => ({ messages: [{ role: 'user' as const, content: content as string }] })

describe('the likely number of input tokens', () => {
  it('grows with what is said, and blocks count as their text does', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 3 }), (first, more) => {
        expect(likelyInputTokens(user(first + more))).toBeGreaterThan(likelyInputTokens(user(first)))
        expect(likelyInputTokens(user([{ type: 'text', text: first, cache_control: { type: 'ephemeral' } }]))).toBe(likelyInputTokens(user(first)))
      }),
    )
  })

  it('is near what English takes: between one and two tokens a word', () => {
    const words = 'The quick brown fox jumps over the lazy dog while nobody in the whole village was looking at it. '.repeat(50)
    const each = likelyInputTokens(user(words)) / words.trim().split(' ').length
    expect(each).toBeGreaterThan(1)
    expect(each).toBeLessThan(2)
  })

  it('counts the system prompt, tools, and an image as one whatever its bytes', () => {
    const bare = likelyInputTokens(user('hi'))
    expect(likelyInputTokens({ ...user('hi'), system: 'be brief' })).toBeGreaterThan(bare)
    expect(likelyInputTokens({ ...user('hi'), tools: [{ name: 'f', input_schema: { type: 'object' } }] })).toBeGreaterThan(bare)
    const image = (data: string) => likelyInputTokens(user([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }]))
    expect(image('A'.repeat(100_000))).toBe(image('A'))
  })
})
