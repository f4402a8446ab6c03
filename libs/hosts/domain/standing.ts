import { admittedShare, circuitOf, isFlagged, isOpen, recentCalls, type TargetHealth } from './target-health'

/** How a target stands right now. */
export interface Standing {
  readonly isOpen: boolean
  readonly isFlagged: boolean
  /** Part of its capacity that may be used, up to 1. */
  readonly share: number
  /** Time since its circuit closed; Infinity = it never opened. */
  readonly sinceMs: number
}

/** How one stands that was never called. */
export const UNTRIED: Standing = { isOpen: false, isFlagged: false, share: 1, sinceMs: Infinity }

/** A target's health as people see it. */
export interface HealthView {
  readonly circuit: ReturnType<typeof circuitOf>
  /** When an open circuit is tried next. */
  readonly retryAt: Date | null
  readonly isFlagged: boolean
  /** Calls of the last five minutes. */
  readonly recent: { readonly ok: number; readonly failed: number }
  readonly lastError: string | null
  readonly lastErrorAt: Date | null
}

/** What routing goes by. Pure. */
export function standingOf(health: TargetHealth, nowMs: number): Standing {
  return { isOpen: isOpen(health), isFlagged: isFlagged(health, nowMs), share: admittedShare(health, nowMs), sinceMs: health.closedAtMs === 0 ? Infinity : nowMs - health.closedAtMs }
}

/** What people are shown. Pure. */
export function viewOf(health: TargetHealth, nowMs: number): HealthView {
  return {
    circuit: circuitOf(health, nowMs),
    retryAt: isOpen(health) ? new Date(health.openUntilMs) : null,
    isFlagged: isFlagged(health, nowMs),
    recent: recentCalls(health, nowMs),
    lastError: health.lastError,
    lastErrorAt: health.lastErrorMs > 0 ? new Date(health.lastErrorMs) : null,
  }
}
