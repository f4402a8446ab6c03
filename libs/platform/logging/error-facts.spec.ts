import { errorFacts } from './error-facts'

describe('an error in the log', () => {
  it('keeps name, message, code and stack, and nothing else it carries', () => {
    const error = Object.assign(new TypeError('no'), { code: '23505', parameters: ['canary'], query: 'INSERT canary', driverError: { detail: 'canary' } })
    expect(errorFacts(error)).toEqual({ type: 'TypeError', message: 'no', code: '23505', stack: expect.stringContaining('error-facts.spec') })
    expect(JSON.stringify(errorFacts(error))).not.toContain('canary')
  })

  it.each([['text', 'text'], [{ secret: 'canary' }, 'a object was thrown'], [undefined, 'a undefined was thrown']])('what is no error says no more than this: %j', (thrown, message) => expect(errorFacts(thrown)).toEqual({ message }))
})
