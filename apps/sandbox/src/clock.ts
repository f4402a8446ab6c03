import { systemClock } from '@tollgate/platform/clock'

/** The sandbox's only source of time, so that a test may put a clock of its own in its place. */
export interface SandboxClock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Runs `act` once after `delayMs` milliseconds; the returned function calls it off. */
  after(delayMs: number, act: () => void): () => void
}

/** The machine's clock. */
export const machineClock: SandboxClock = {
  nowMs: () => systemClock.now(),
  after(delayMs, act) {
    const timer = setTimeout(act, delayMs)
    return () => clearTimeout(timer)
  },
}

let second = 0
let secondText = ''
let tick = 0

/** RFC 3339 in UTC with up to nine fractional digits and trailing zeros dropped, as Go's encoder prints it. */
export function goTime(nowMs: number): string {
  const at = Math.floor(nowMs / 1000)
  if (at !== second) {
    second = at
    secondText = new Date(at * 1000).toISOString().slice(0, 20)
  }
  tick = (tick + 7919) % 1_000_000
  const digits = String((nowMs - at * 1000) * 1_000_000 + tick).padStart(9, '0')
  return `${secondText}${digits.replace(/0+$/, '') || '0'}Z`
}
