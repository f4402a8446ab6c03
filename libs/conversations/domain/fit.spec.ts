import fc from 'fast-check'
import { ASSUMED_CONTEXT_TOKENS, fitTurns, likelyTokens, messagesOf, promptRoom } from './fit'

const turn = fc.record({ messages: fc.array(fc.record({ role: fc.constant('user' as const), content: fc.string({ maxLength: 200 }) }), { minLength: 1, maxLength: 3 }), answer: fc.string({ maxLength: 200 }) })

describe('a history', () => {
  it('is cut at its oldest end only, in whole turns, keeps all that fits, and tells how many it lost', () => {
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 20 }), fc.integer({ min: -50, max: 3_000 }), (turns, room) => {
        const { kept, leftOut } = fitTurns(turns, room)
        expect(kept).toEqual(turns.slice(leftOut))
        expect(likelyTokens(kept.flatMap(messagesOf))).toBeLessThanOrEqual(Math.max(0, room))
        if (leftOut > 0) expect(likelyTokens(turns.slice(leftOut - 1).flatMap(messagesOf))).toBeGreaterThan(room)
      }),
    )
  })

  it('leaves the answer its share of the context, or what was asked for, never more than half', () => {
    expect(promptRoom(4_096, null)).toBe(3_072)
    expect(promptRoom(4_096, 96)).toBe(4_000)
    expect(promptRoom(4_096, 100_000)).toBe(2_048)
    expect(promptRoom(null, null)).toBe(ASSUMED_CONTEXT_TOKENS * 0.75)
  })

  it('counts images by number and other parts by their bytes', () => {
    const image = { type: 'image_url' as const, image_url: { url: `data:image/png;base64,${'A'.repeat(30_000)}` } }
    expect(likelyTokens([{ role: 'user', content: [image, { type: 'text', text: 'abc' }] }])).toBe(8 + 1_600 + 1)
    expect(likelyTokens([{ role: 'user', content: '語語語' }])).toBe(8 + 3)
  })
})
