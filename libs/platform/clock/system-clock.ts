import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { uuidv7, type Clock, type Ids } from '@tollgate/kernel'

/** Injection token of the process's `Clock`. */
export const CLOCK = 'CLOCK'

/** Injection token of the process's `Ids`. */
export const IDS = 'IDS'

/** Injection token of the process's `Timer`. */
export const TIMER = 'TIMER'

/** Pauses in what a call does; tests inject their own, so that no spec waits for them. */
export interface Timer {
  /** Resolves after so many ms, or as soon as the signal is aborted; never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

/** The machine's timers. */
export const systemTimer: Timer = {
  wait: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => undefined),
}

/** The machine's clocks. The only place in the house that reads them. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
}

const POOL_BYTES = 4096
let pool = randomBytes(POOL_BYTES)
let used = 0

/** Ten random bytes from a pool: one system call per 400 ids instead of one per id. */
function pooledBytes(length: number): Uint8Array {
  if (used + length > POOL_BYTES) {
    pool = randomBytes(POOL_BYTES)
    used = 0
  }
  used += length
  return pool.subarray(used - length, used)
}

/** The process's ids and randomness. The only place in the house that draws them. */
export const systemIds: Ids = {
  uuid: () => uuidv7(systemClock.now(), pooledBytes(10)),
  bytes: (length) => randomBytes(length),
}
