import { setting, type Behaviour } from '../behaviour'
import type { Pace } from '../writer'

const DEFAULT_GAP_MS = 5

/** Gaps and delays that belong to a behaviour when nothing else is said, in milliseconds. */
const OWN: Record<string, { delay?: number; gap?: number; split?: number; splitGap?: number }> = {
  slow: { gap: 1000 },
  burst: { gap: 0 },
  split: { split: 1 },
  drip: { split: 1, splitGap: 1000 },
  'slow-load': { delay: 30_000 },
}

/** The timing of an answer: the request's own settings, else the behaviour's, else the host's, else 0 and 5 ms. */
export function paceOf(behaviour: Behaviour, defaults: { delay?: number; gap?: number }): Pace {
  const own = OWN[behaviour.name] ?? {}
  return {
    delayMs: setting(behaviour, 'delay', own.delay ?? defaults.delay ?? 0),
    gapMs: setting(behaviour, 'gap', own.gap ?? defaults.gap ?? DEFAULT_GAP_MS),
    splitBytes: setting(behaviour, 'split', own.split ?? 0),
    splitGapMs: setting(behaviour, 'splitgap', own.splitGap ?? 0),
    ignoresAbort: behaviour.name === 'ignores-abort',
  }
}
