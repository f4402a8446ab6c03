import fc from 'fast-check'
import { nextStep, type FailureSign, type RetryState } from './next-step'

const FIRST: RetryState = { attempts: 1, mostAttempts: 3, hasStandIn: false, hasReplayed: false, mayReplay: true, hasWaited: false, elapsedMs: 0, totalMs: 60_000, chance: 0 }
const failed = (name: FailureSign['class'], retryAfterMs: number | null = null): FailureSign => ({ class: name, retryAfterMs })
const step = (failure: FailureSign, over: Partial<RetryState> = {}) => nextStep(failure, { ...FIRST, ...over })

describe('after a failure', () => {
  it.each<[FailureSign['class'], Partial<RetryState>, 'next' | 'stop']>([
    ['not_dispatched', {}, 'next'],
    ['not_dispatched', { hasReplayed: true }, 'next'],
    ['refused', {}, 'next'],
    ['refused', { hasReplayed: true }, 'next'],
    ['misconfigured', {}, 'next'],
    ['ambiguous', {}, 'next'],
    ['ambiguous', { hasReplayed: true }, 'stop'],
    ['ambiguous', { mayReplay: false }, 'stop'],
    ['caller', {}, 'stop'],
    ['cut', {}, 'stop'],
    ['aborted', {}, 'stop'],
  ])('%s %j: %s', (name, over, kind) => expect(step(failed(name), over).kind).toBe(kind))

  it.each<[number | null, boolean, string]>([
    [0, false, 'again'],
    [2_000, false, 'again'],
    [2_001, false, 'next'],
    [3_600_000, false, 'next'],
    [null, false, 'next'],
    [1_000, true, 'next'],
  ])('a Retry-After of %j ms, waited for before: %s: %s', (retryAfterMs, hasWaited, kind) => {
    expect(step(failed('refused', retryAfterMs), { hasWaited })).toEqual({ kind, waitMs: kind === 'again' ? retryAfterMs! + 50 : 50 })
  })

  it('the last attempt is a stand-in\'s, even where the target asked to be given time', () => {
    expect(step(failed('refused', 1_000), { attempts: 2, hasStandIn: true })).toEqual({ kind: 'stand_in', waitMs: 50 })
    expect(step(failed('refused', 1_000), { attempts: 2 })).toEqual({ kind: 'again', waitMs: 1_050 })
  })

  it('waits at random from 50 to 500 ms, and longer only for who asked for it', () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(chance, fc.option(fc.nat(5_000)), (drawn, retryAfterMs) => {
        const next = step(failed('refused', retryAfterMs), { chance: drawn })
        if (next.kind === 'stop') throw new Error('a refusal goes on')
        const jitterMs = next.waitMs - (next.kind === 'again' ? retryAfterMs! : 0)
        expect(jitterMs).toBeGreaterThanOrEqual(50)
        expect(jitterMs).toBeLessThanOrEqual(500)
      }),
    )
    expect([0, 0.5, 1 - Number.EPSILON].map((drawn) => step(failed('refused'), { chance: drawn }))).toEqual([50, 275, 500].map((waitMs) => ({ kind: 'next', waitMs })))
  })

  it.each([
    [{ attempts: 3 }, 'stop'],
    [{ attempts: 3, mostAttempts: 9 }, 'stop'],
    [{ attempts: 1, mostAttempts: 1 }, 'stop'],
    [{ attempts: 2 }, 'next'],
    [{ attempts: 1, hasStandIn: true }, 'next'],
    [{ attempts: 2, hasStandIn: true }, 'stand_in'],
    [{ attempts: 1, mostAttempts: 2, hasStandIn: true }, 'stand_in'],
    [{ attempts: 3, hasStandIn: true }, 'stop'],
    [{ attempts: 1, mostAttempts: 1, hasStandIn: true }, 'stop'],
    [{ elapsedMs: 59_949 }, 'next'],
    [{ elapsedMs: 59_950 }, 'stop'],
  ])('%j: %s', (over, kind) => expect(step(failed('refused'), over).kind).toBe(kind))
})
