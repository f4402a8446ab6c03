import fc from 'fast-check'
import { RefusalThrottle } from './refusal-throttle'

/** A stretch of calls, so many a second, at a provider that takes a call or not. Chances go round: every part is met exactly. */
function run(throttle: RefusalThrottle, fromMs: number, seconds: number, perSecond: number, takes: (i: number) => boolean) {
  let [asked, taken, refusedHere] = [0, 0, 0]
  for (let i = 0; i < seconds * perSecond; i++) {
    const nowMs = fromMs + (i * 1_000) / perSecond
    if ((i * 0.618_034) % 1 < throttle.refusedPart(nowMs)) {
      throttle.noteRefused(nowMs)
      refusedHere++
      continue
    }
    const isTaken = takes(asked++)
    if (isTaken) taken++
    throttle.noteEnd(!isTaken, null, nowMs)
  }
  return { asked, taken, refusedHere }
}

describe('the throttle before a provider that refuses', () => {
  it('lets everything through while at least half is taken', () => {
    fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (pattern) => {
      const throttle = new RefusalThrottle()
      let [refused, taken] = [0, 0]
      for (const [i, isTaken] of pattern.entries()) {
        if (refused + (isTaken ? 0 : 1) > taken) continue
        if (isTaken) taken++
        else refused++
        throttle.noteEnd(!isTaken, null, i * 100)
        expect(throttle.refusedPart(i * 100)).toBe(0)
      }
    }))
  })

  it('is not moved by a few refusals', () => {
    const throttle = new RefusalThrottle()
    for (let i = 0; i < 9; i++) throttle.noteEnd(true, null, 0)
    expect(throttle.refusedPart(0)).toBe(0)
    throttle.noteEnd(true, null, 0)
    expect(throttle.refusedPart(0)).toBeCloseTo(10 / 11)
  })

  it('asks a provider that takes nothing for a twentieth', () => {
    const throttle = new RefusalThrottle()
    run(throttle, 0, 60, 10, () => false)
    const { asked, refusedHere } = run(throttle, 60_000, 60, 10, () => false)
    expect([asked, asked + refusedHere]).toEqual([30, 600])
  })

  it('asks for about twice what is taken where a part is', () => {
    const throttle = new RefusalThrottle()
    // One of ten is taken at twenty a second, so two a second of those that are asked for.
    let budget = 0
    const takes = () => budget-- > 0
    let sum = { asked: 0, taken: 0 }
    for (let second = 0; second < 600; second++) {
      budget = 2
      const { asked, taken } = run(throttle, second * 1_000, 1, 20, takes)
      if (second >= 300) sum = { asked: sum.asked + asked, taken: sum.taken + taken }
    }
    expect(sum.taken).toBeGreaterThan(0.8 * 2 * 300)
    expect(sum.asked / sum.taken).toBeLessThan(3)
  })

  it.each([1, 10, 100])('lets everything through again within the window when the provider is back, at %i calls a second', (perSecond) => {
    const throttle = new RefusalThrottle()
    run(throttle, 0, 300, perSecond, () => false)
    run(throttle, 300_000, 120, perSecond, () => true)
    expect(run(throttle, 420_000, 60, perSecond, () => true).refusedHere).toBe(0)
  })

  it('forgets after 120 seconds, and tells what is left of the time that was asked for', () => {
    const throttle = new RefusalThrottle()
    for (let i = 0; i < 100; i++) throttle.noteEnd(true, 7_000, 1_000)
    expect([throttle.askedForMs(1_000), throttle.askedForMs(6_000), throttle.askedForMs(60_000)]).toEqual([7_000, 2_000, 0])
    expect(throttle.refusedPart(119_000)).toBeGreaterThan(0.9)
    expect(throttle.refusedPart(121_000)).toBe(0)
  })
})
