import fc from 'fast-check'
import { anyCharacter } from '../../../test/support/any-text'
import { chargeColumns, parseClaim, strongestClaims, type UsageClaim } from './claim'

const usage = { promptTokens: 5, completionTokens: 7, cachedTokens: 1, cacheWriteTokens: 2, reasoningTokens: 3, source: 'provider' } as const
const claim = (rid: string, rank: 0 | 1, day = '2026-11-21'): UsageClaim => ({ rid, rank, day, tenant_id: 't' }) as UsageClaim

describe('charges', () => {
  it('carry tokens as they are and the amount as text', () => {
    expect(chargeColumns(usage, 12_345_678_901_234_567n)).toEqual({ amount_pico: '12345678901234567', prompt_tokens: 5, completion_tokens: 7, cached_tokens: 1, cache_write_tokens: 2, reasoning_tokens: 3, usage_source: 'provider' })
  })

  it.each([-1n, 10n ** 17n + 1n])('%s pico is refused: arithmetic must never become a credit', (amount) => expect(() => chargeColumns(usage, amount)).toThrow(RangeError))
  it.each([0n, 10n ** 17n])('%s pico is an amount', (amount) => expect(chargeColumns(usage, amount).amount_pico).toBe(amount.toString()))
})

describe('queued text', () => {
  it.each(['', 'null', '[]', '1', '"text"', '{', '{}', '{"rid":1,"tenant_id":"t"}', '{"rid":"r"}', 'undefined', '{"rid":"r","tenant_id":null}'])('%j is no claim', (text) => expect(parseClaim(text, null)).toBeNull())

  it('any text at all is a claim or null, never a fault', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: anyCharacter }), fc.json()), (text) => expect(() => parseClaim(text, null)).not.toThrow()), { numRuns: 2_000 })
  })

  it('reads back as it was', () => expect(parseClaim(JSON.stringify(claim('r', 1)), null)).toEqual(claim('r', 1)))

  it('of a swept call takes day and start of its admission', () => {
    const at = Date.UTC(2026, 10, 22, 0, 0, 0, 1)
    expect(parseClaim(JSON.stringify(claim('r', 0, '2026-11-21')), at)).toMatchObject({ day: '2026-11-22', started_at: '2026-11-22T00:00:00.001Z' })
  })
})

describe('the strongest claims', () => {
  const claims = fc.array(fc.record({ rid: fc.constantFrom('a', 'b', 'c', 'd'), rank: fc.constantFrom<0 | 1>(0, 1) }).map(({ rid, rank }) => claim(rid, rank)))

  it('are one a request id, of its highest rank, in the order in which rows are locked', () => {
    fc.assert(
      fc.property(claims, (all) => {
        const best = strongestClaims(all)
        expect(best.map(({ rid }) => rid)).toEqual([...new Set(all.map(({ rid }) => rid))].sort())
        for (const one of best) expect(one.rank).toBe(Math.max(...all.filter(({ rid }) => rid === one.rid).map(({ rank }) => rank)))
      }),
    )
  })

  it('do not depend on the order of arrival', () => {
    fc.assert(fc.property(claims, (all) => expect(strongestClaims(all.toReversed())).toEqual(strongestClaims(all))))
  })

  it('are sorted by day first', () => expect(strongestClaims([claim('a', 1, '2026-11-22'), claim('b', 1, '2026-11-21')]).map(({ rid }) => rid)).toEqual(['b', 'a']))
})
