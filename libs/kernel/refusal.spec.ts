import { refuse } from './refusal'

describe('a refusal', () => {
  it.each([
    [undefined, undefined, undefined], [1, 1, undefined], [60, 60, undefined], [61, 60, false], [3_600, 60, false],
  ])('that asks for %s seconds is told as %s, worth a retry: %s', (asked, retryAfterSeconds, shouldRetry) => {
    expect(refuse('rate_limit_exceeded', {}, { retryAfterSeconds: asked })).toMatchObject({ retryAfterSeconds, shouldRetry })
  })

  it('keeps what is said of retries, and tells the true wait in its words and details', () => {
    const refusal = refuse('rate_limit_exceeded', { retry: 90 }, { retryAfterSeconds: 90, shouldRetry: true, details: { reset_seconds: 90 } })
    expect(refusal).toMatchObject({ retryAfterSeconds: 60, shouldRetry: true, details: { reset_seconds: 90 }, message: expect.stringContaining('90') })
  })
})
