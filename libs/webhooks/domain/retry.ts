const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Pauses after the first, second … failed attempt; after the last one the delivery is dead. About 21 hours in all. */
const PAUSES_MS = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR] as const

/** Attempts a delivery has before it is dead. */
export const MOST_ATTEMPTS = PAUSES_MS.length + 1

/**
 * How long to wait after an attempt failed, or null to give up. A fifth more or less by chance, so that receivers which
 * came back are not met by everything at once; each pause is longer than the one before whatever chance says.
 * @param attempts made so far, at least 1 @param chance one random byte
 */
export function pauseMs(attempts: number, chance: number): number | null {
  const pause = PAUSES_MS[attempts - 1]
  return pause === undefined ? null : Math.round(pause * (0.8 + (0.4 * chance) / 255))
}
