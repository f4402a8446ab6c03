/** Failures in a row that open a circuit, how long it stays open at first, and at most (routing.md). */
const FAILURES_TO_OPEN = 3
const OPEN_MS = 10_000
const MOST_OPEN_MS = 300_000

/** What a process knows of one target from its own calls. Pure state: every change returns a new one. */
export interface Circuit {
  readonly failuresInRow: number
  readonly timesOpened: number
  readonly openUntilMs: number
}

/** A target nothing is known about. */
export const CLOSED: Circuit = { failuresInRow: 0, timesOpened: 0, openUntilMs: 0 }

/** Closed, or open long enough that one call may try again (half-open). */
export function isPassable(circuit: Circuit, nowMs: number): boolean {
  return nowMs >= circuit.openUntilMs
}

/** After a call: success closes; the third failure in a row opens, for longer each time. */
export function afterCall(circuit: Circuit, wasSuccess: boolean, nowMs: number): Circuit {
  if (wasSuccess) return CLOSED
  const failuresInRow = circuit.failuresInRow + 1
  if (failuresInRow < FAILURES_TO_OPEN) return { ...circuit, failuresInRow }
  const openForMs = Math.min(MOST_OPEN_MS, OPEN_MS * 2 ** circuit.timesOpened)
  return { failuresInRow, timesOpened: circuit.timesOpened + 1, openUntilMs: nowMs + openForMs }
}
