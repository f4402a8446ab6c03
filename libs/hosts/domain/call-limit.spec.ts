import fc from 'fast-check'
import { CallLimit } from './call-limit'

const CLOUD = { provider: 'openai', maxParallel: 4 }
/** So many calls, with as many at once as the limit lets in. */
function run(limit: CallLimit, calls: number, firstMs: (i: number) => number | null): number {
  for (let i = 0; i < calls; i++) limit.note(firstMs(i), limit.most)
  return limit.most
}

describe('how many calls at once a target is given', () => {
  it('begins with what an Ollama host works on at once, or with 20, and ends there or at 200; more where the operator says so', () => {
    const ends = (host: { provider: string; maxParallel: number }) => [new CallLimit(host).most, run(new CallLimit(host), 5_000, () => 100)]
    expect([ends({ provider: 'ollama', maxParallel: 4 }), ends(CLOUD), ends({ provider: 'openai', maxParallel: 500 })]).toEqual([[4, 4], [20, 200], [500, 500]])
  })

  it('does not grow while it is not used', () => {
    const limit = new CallLimit(CLOUD)
    for (let i = 0; i < 1_000; i++) limit.note(100, 9)
    expect(limit.most).toBe(20)
  })

  it('falls when first tokens are late, and grows again when they come as before', () => {
    const limit = new CallLimit(CLOUD)
    const before = run(limit, 60, () => 100)
    const worse = run(limit, 300, () => 1_000)
    expect(worse).toBeLessThan(before / 4)
    // What was late is forgotten within some dozens of calls.
    expect(run(limit, 400, () => 100)).toBeGreaterThan(worse * 4)
  })

  it('takes away a quarter at a time, and not twice for calls that were under way together', () => {
    const limit = new CallLimit({ provider: 'openai', maxParallel: 100 })
    run(limit, 100, () => 100)
    const before = limit.most
    const seen = Array.from({ length: before }, () => run(limit, 1, () => 5_000))
    expect(Math.min(...seen)).toBe(Math.floor(before * 0.75))
  })

  it('takes what stays as it is for usual', () => {
    const limit = new CallLimit(CLOUD)
    run(limit, 300, () => 100)
    const worse = run(limit, 100, () => 400)
    expect(run(limit, 2_000, () => 400)).toBeGreaterThan(worse)
  })

  it('of a mix of long and short prompts stays high', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), fc.constantFrom(0.1, 0.5, 0.9), (chance, partLong) => {
        expect(run(new CallLimit(CLOUD), 1_000, () => (chance.next().value! < partLong ? 2_000 : 100))).toBeGreaterThan(20)
      }),
      { numRuns: 50 },
    )
  })

  it('is one at least, whatever comes', () => {
    const first = fc.option(fc.integer({ min: 0, max: 120_000 }))
    fc.assert(
      fc.property(fc.constantFrom('ollama', 'openai'), fc.integer({ min: 1, max: 300 }), fc.array(first, { maxLength: 400 }), (provider, maxParallel, times) => {
        const limit = new CallLimit({ provider, maxParallel })
        for (const firstMs of times) {
          limit.note(firstMs, limit.most)
          expect(limit.most).toBeGreaterThanOrEqual(1)
          expect(limit.most).toBeLessThanOrEqual(provider === 'ollama' ? maxParallel : Math.max(200, maxParallel))
        }
      }),
    )
  })

  it('grows by whole answers as well, which tell no first token', () => {
    expect(run(new CallLimit(CLOUD), 300, () => null)).toBe(200)
  })
})
