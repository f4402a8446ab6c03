import { nextStep, type FailureSign } from './next-step'

describe('after a failure', () => {
  it.each<[FailureSign['class'], number, 'next' | 'stop']>([
    ['not_dispatched', 0, 'next'],
    ['not_dispatched', 1, 'next'],
    ['refused', 0, 'next'],
    ['refused', 1, 'next'],
    ['misconfigured', 0, 'next'],
    ['ambiguous', 0, 'next'],
    ['ambiguous', 1, 'stop'],
    ['ambiguous', 2, 'stop'],
    ['caller', 0, 'stop'],
    ['cut', 0, 'stop'],
    ['aborted', 0, 'stop'],
  ])('%s after %i ambiguous ones: %s', (name, ambiguous, step) => expect(nextStep({ class: name }, ambiguous)).toBe(step))
})
