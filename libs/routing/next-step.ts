/** No request is tried more often than this, stand-ins included, whatever is left to try (OLLAMA_MAX_RETRIES may lower it). */
export const MOST_ATTEMPTS = 3
/** The longest that an upstream's own Retry-After is waited for, ms; beyond it the next target is tried. */
const MOST_HONOURED_MS = 2_000
/** Retries wait a random time between these, so that calls that failed together do not come back together. */
const LEAST_JITTER_MS = 50
const MOST_JITTER_MS = 500

/** What an attempt's failure means, as adapters classify it (libs/providers/domain/adapter.ts). */
export interface FailureSign {
  readonly class: 'not_dispatched' | 'refused' | 'ambiguous' | 'caller' | 'misconfigured' | 'cut' | 'aborted'
  /** What the upstream asked to be given, ms; null where it asked for nothing. */
  readonly retryAfterMs: number | null
}

/** What was tried before, and how long it may still go on. */
export interface RetryState {
  /** Attempts made, the failed one and those at other models included. */
  readonly attempts: number
  /** As the operator has it; never more than MOST_ATTEMPTS. */
  readonly mostAttempts: number
  /** Another model may stand in for the one that failed. */
  readonly hasStandIn: boolean
  /** A replay of an ambiguous failure has been spent. */
  readonly hasReplayed: boolean
  /** The operator allows one for this model: what was asked may be done, and paid for, twice. */
  readonly mayReplay: boolean
  /** The target that failed was waited for once already. */
  readonly hasWaited: boolean
  readonly elapsedMs: number
  readonly totalMs: number
  /** A random number from 0 to below 1. */
  readonly chance: number
}

/** `again` = the same target first, `next` = another one, `stand_in` = another one of another model, each after `waitMs`. */
export type NextStep = { readonly kind: 'stop' } | { readonly kind: 'next' | 'again' | 'stand_in'; readonly waitMs: number }

const STOP: NextStep = { kind: 'stop' }

/**
 * Retry or stop (routing.md, retry and fallback), when nothing has reached the client. Failures to dispatch, refusals and
 * misconfigured hosts move on; one that asks for up to two seconds gets them, once; an ambiguous failure is replayed
 * at most once, and only where the model's operator allows it; the rest stops, and so does what would end too late. The
 * last attempt is kept for a stand-in where there is one: a model with many hosts would leave it none. Pure.
 */
export function nextStep(failure: FailureSign, state: RetryState): NextStep {
  const attemptsLeft = Math.min(MOST_ATTEMPTS, state.mostAttempts) - state.attempts
  if (attemptsLeft <= 0 || !mayGoOn(failure, state)) return STOP
  const isKept = state.hasStandIn && attemptsLeft === 1
  const jitterMs = LEAST_JITTER_MS + Math.floor(state.chance * (MOST_JITTER_MS - LEAST_JITTER_MS + 1))
  const isAwaited = !isKept && failure.class === 'refused' && failure.retryAfterMs !== null && failure.retryAfterMs <= MOST_HONOURED_MS && !state.hasWaited
  const waitMs = isAwaited ? failure.retryAfterMs + jitterMs : jitterMs
  return state.elapsedMs + waitMs < state.totalMs ? { kind: isKept ? 'stand_in' : isAwaited ? 'again' : 'next', waitMs } : STOP
}

function mayGoOn(failure: FailureSign, { hasReplayed, mayReplay }: RetryState): boolean {
  switch (failure.class) {
    case 'not_dispatched':
    case 'refused':
    case 'misconfigured':
      return true
    case 'ambiguous':
      return mayReplay && !hasReplayed
    case 'caller':
    case 'cut':
    case 'aborted':
      return false
  }
}
