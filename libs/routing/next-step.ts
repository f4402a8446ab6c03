/** What an attempt's failure means, as adapters classify it (libs/providers/domain/adapter.ts). */
export interface FailureSign {
  readonly class: 'not_dispatched' | 'refused' | 'ambiguous' | 'caller' | 'misconfigured' | 'cut' | 'aborted'
}

/**
 * Retry or stop (routing.md, retry and fallback). Nothing is sent again after the first event reached the client; an
 * ambiguous failure is replayed at most once; refusals and failures to dispatch move on; the rest stops.
 */
export function nextStep(failure: FailureSign, ambiguousSoFar: number): 'next' | 'stop' {
  switch (failure.class) {
    case 'not_dispatched':
    case 'refused':
    case 'misconfigured':
      return 'next'
    case 'ambiguous':
      return ambiguousSoFar === 0 ? 'next' : 'stop'
    case 'caller':
    case 'cut':
    case 'aborted':
      return 'stop'
  }
}
