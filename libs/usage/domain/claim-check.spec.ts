import fc from 'fast-check'
import type { UsageClaim } from './claim'
import { claimProblem } from './claim-check'

const attempt = { attempt: 1, host: 'h', provider: 'ollama', region: 'us-east', model: 'phi3', outcome: 'completed', duration_ms: 5, cost_pico: null as unknown }
const sound = (over: object = {}) =>
  ({ rank: 1, amount_pico: '1000', prompt_tokens: 10, completion_tokens: 20, cached_tokens: 1, cache_write_tokens: 0, reasoning_tokens: 2, duration_ms: 30, day: '2026-11-21', started_at: '2026-11-21T23:59:59.999Z', provider_attempts: [attempt], ...over }) as unknown as UsageClaim

describe('a claim', () => {
  it.each([{}, { rank: 0 }, { amount_pico: '0' }, { amount_pico: '100000000000000000' }, { prompt_tokens: 1_000_000_000 }, { provider_attempts: [] }, { provider_attempts: [{ ...attempt, cost_pico: '0' }] }])('with %j is sound', (over) => expect(claimProblem(sound(over))).toBeNull())

  it.each(['prompt_tokens', 'completion_tokens', 'cached_tokens', 'cache_write_tokens', 'reasoning_tokens'])('has a count in %s: negative, huge, wrapped, fractional, text and nothing are none', (name) => {
    for (const value of [-1, 1_000_000_001, 2 ** 32 - 5, -(2 ** 31), 2 ** 63, 1e300, Number.NaN, Infinity, 0.5, '12', '', null, undefined, true, [], [12], {}, { valueOf: 1 }]) expect(claimProblem(sound({ [name]: value }))).toMatch(name)
  })

  it('has an amount in decimal text: whatever Postgres would also read as a number is none', () => {
    for (const value of ['-1', '-0', '+1', '01', ' 1', '1 ', '1_000', '0x1f', '0b1', '1e3', '1.0', '', 'NaN', 'Infinity', '100000000000000001', '9223372036854775808', 1000, 1e17, null, undefined, ['1']]) {
      expect(claimProblem(sound({ amount_pico: value }))).toMatch('amount_pico')
      if (value !== null) expect(claimProblem(sound({ provider_attempts: [attempt, { ...attempt, cost_pico: value }] }))).toMatch('provider_attempts.1')
    }
  })

  it.each([{ rank: 2 }, { rank: '1' }, { rank: -1 }, { duration_ms: -1 }, { duration_ms: '30' }, { duration_ms: 2 ** 31 }, { duration_ms: 1.5 }, { day: '2026-11-22' }, { started_at: '2026-11-22T00:00:00Z' }, { started_at: 'soon' }, { started_at: null }, { provider_attempts: null }, { provider_attempts: {} }, { provider_attempts: [null] }, { provider_attempts: [{ ...attempt, duration_ms: -1 }] }, { provider_attempts: [{ ...attempt, attempt: 40_000 }] }])('with %j is not', (over) => expect(claimProblem(sound(over))).toMatch(/\w/))

  it('of any shape is judged without a fault', () => {
    fc.assert(fc.property(fc.dictionary(fc.constantFrom(...Object.keys(sound())), fc.anything()), (over) => expect(() => claimProblem(sound(over))).not.toThrow()), { numRuns: 1_000 })
  })
})
