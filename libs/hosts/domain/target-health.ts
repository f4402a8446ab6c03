/** When a circuit opens, how long it stays open at first and at most, and how far that time is scattered (routing.md). */
const FAILURES_TO_OPEN = 3
const LEAST_CALLS_TO_JUDGE = 10
const JUDGED_MS = 30_000
const OPEN_MS = 10_000
const MOST_OPEN_MS = 300_000
const JITTER = 0.2
/** Each stretch of health this long makes the next opening as short as the one before. */
const FORGIVE_MS = 600_000
const SLOW_START_MS = 30_000
const SLOW_START_SHARE = 0.1
/** Growth begins after the first second, which is the one of the herd. */
const SLOW_START_HOLD_MS = 1_000
/** The health rule of product.md 6: how long an error flags a target, and over which time success is counted. */
const FLAGGED_MS = 60_000
const WINDOW_MS = 300_000
const BUCKET_MS = 10_000

/** What all gateways together know of one target (a host, or a model on a host) from the calls that went there. Pure. */
export interface TargetHealth {
  /** Openings and closings so far: a call that began before the last one is not judged by what came after. */
  readonly generation: number
  readonly failuresInRow: number
  readonly timesOpened: number
  /** 0 = closed. From this time on a probe may try whether the target is back. */
  readonly openUntilMs: number
  /** When the circuit last closed again: the slow start counts from here. 0 = it never opened. */
  readonly closedAtMs: number
  /** Ten-second buckets with calls in them, oldest first: start, succeeded, failed. */
  readonly buckets: readonly (readonly [startMs: number, ok: number, failed: number])[]
  readonly lastUsedMs: number
  readonly lastError: string | null
  readonly lastErrorMs: number
}

/** Calls to one target that ended, folded: what one gateway tells the others. */
export interface TargetReport {
  /** The target's generation when these calls began. */
  readonly generation: number
  readonly ok: number
  readonly failed: number
  /** Failures since the last success, so that order survives the folding. */
  readonly failedAtEnd: number
  readonly lastError: string | null
  readonly lastErrorMs: number
  readonly atMs: number
}

/** A target nothing is known about. */
export const UNKNOWN: TargetHealth = { generation: 0, failuresInRow: 0, timesOpened: 0, openUntilMs: 0, closedAtMs: 0, buckets: [], lastUsedMs: 0, lastError: null, lastErrorMs: 0 }

/** One ended call. @param error null = it succeeded */
export function reportOf(generation: number, error: string | null, atMs: number): TargetReport {
  const failed = error === null ? 0 : 1
  return { generation, ok: 1 - failed, failed, failedAtEnd: failed, lastError: error, lastErrorMs: failed * atMs, atMs }
}

/** Two reports in a row as one. Of two generations the later is judged; the earlier leaves its last error. */
export function merged(first: TargetReport | null, then: TargetReport): TargetReport {
  if (!first) return then
  const lastOf = then.lastErrorMs >= first.lastErrorMs ? then : first
  const { lastError, lastErrorMs } = lastOf
  const atMs = Math.max(first.atMs, then.atMs)
  if (first.generation !== then.generation) return { ...(then.generation > first.generation ? then : first), lastError, lastErrorMs, atMs }
  return { generation: then.generation, ok: first.ok + then.ok, failed: first.failed + then.failed, failedAtEnd: then.ok > 0 ? then.failedAtEnd : first.failedAtEnd + then.failed, lastError, lastErrorMs, atMs }
}

/** The target after these calls. The third failure in a row opens the circuit, and so does half of ten in thirty seconds. */
export function afterReport(health: TargetHealth, report: TargetReport, salt: string): TargetHealth {
  const { generation, timesOpened, openUntilMs, closedAtMs } = health
  const isJudged = report.generation === generation && !isOpen(health)
  const buckets = isJudged ? counted(health.buckets, report) : health.buckets
  const failuresInRow = !isJudged ? health.failuresInRow : report.ok > 0 ? report.failedAtEnd : health.failuresInRow + report.failed
  const { lastError, lastErrorMs } = report.lastErrorMs > health.lastErrorMs ? report : health
  // Written out, as every call passes here twice: a spread that is written over costs a microsecond a field.
  const next: TargetHealth = { generation, failuresInRow, timesOpened, openUntilMs, closedAtMs, buckets, lastUsedMs: Math.max(health.lastUsedMs, report.atMs), lastError, lastErrorMs }
  if (!isJudged || report.failed === 0) return next
  const { ok, failed } = sumSince(buckets, report.atMs - JUDGED_MS)
  const isBad = failuresInRow >= FAILURES_TO_OPEN || (ok + failed >= LEAST_CALLS_TO_JUDGE && failed >= ok)
  return isBad ? opened(next, report.atMs, salt) : next
}

/** The target after the one probe that tried whether it is back. */
export function afterTrial(health: TargetHealth, hasPassed: boolean, nowMs: number, salt: string): TargetHealth {
  if (!isOpen(health)) return health
  if (!hasPassed) return opened(health, nowMs, salt)
  return { ...health, generation: health.generation + 1, openUntilMs: 0, closedAtMs: nowMs, failuresInRow: 0, buckets: [] }
}

/** No calls go here while another permitted target is left. */
export function isOpen(health: TargetHealth): boolean {
  return health.openUntilMs > 0
}

/** From this time on an open circuit has surely been open. Its own time is scattered, and when it opened is not kept. */
export function openedByMs({ openUntilMs, timesOpened }: TargetHealth): number {
  return openUntilMs - openMs(timesOpened) * (1 - JITTER)
}

/** Open for long enough: one probe may try (half-open). */
export function isDue(health: TargetHealth, nowMs: number): boolean {
  return isOpen(health) && nowMs >= health.openUntilMs
}

/** The health rule (product.md 6): an error in the last minute, or more than half of the calls failed. */
export function isFlagged(health: TargetHealth, nowMs: number): boolean {
  if (health.lastErrorMs > 0 && nowMs - health.lastErrorMs < FLAGGED_MS) return true
  const { ok, failed } = sumSince(health.buckets, nowMs - WINDOW_MS)
  return failed > ok
}

/** The part of its capacity a target may take: a tenth in the second after its circuit closed, all of it half a minute later. */
export function admittedShare(health: TargetHealth, nowMs: number): number {
  const sinceMs = nowMs - health.closedAtMs
  if (health.closedAtMs === 0 || sinceMs >= SLOW_START_MS) return 1
  return SLOW_START_SHARE + ((1 - SLOW_START_SHARE) * Math.max(0, sinceMs - SLOW_START_HOLD_MS)) / (SLOW_START_MS - SLOW_START_HOLD_MS)
}

/** Succeeded and failed calls of the last five minutes. */
export function recentCalls(health: TargetHealth, nowMs: number): { ok: number; failed: number } {
  return sumSince(health.buckets, nowMs - WINDOW_MS)
}

/** The circuit in one word. `half_open`: one probe may try, or is trying. */
export function circuitOf(health: TargetHealth, nowMs: number): 'closed' | 'open' | 'half_open' | 'slow_start' {
  if (isOpen(health)) return isDue(health, nowMs) ? 'half_open' : 'open'
  return admittedShare(health, nowMs) < 1 ? 'slow_start' : 'closed'
}

function opened(health: TargetHealth, nowMs: number, salt: string): TargetHealth {
  const forgiven = health.closedAtMs === 0 || isOpen(health) ? 0 : Math.floor((nowMs - health.closedAtMs) / FORGIVE_MS)
  const timesOpened = Math.max(0, health.timesOpened - forgiven) + 1
  const scatteredMs = openMs(timesOpened) * (1 + JITTER * scatter(`${salt} ${timesOpened}`))
  return { ...health, generation: health.generation + 1, timesOpened, openUntilMs: nowMs + Math.round(scatteredMs), buckets: [] }
}

function openMs(timesOpened: number): number {
  return Math.min(MOST_OPEN_MS, OPEN_MS * 2 ** (timesOpened - 1))
}

function counted(buckets: TargetHealth['buckets'], { ok, failed, atMs }: TargetReport): TargetHealth['buckets'] {
  const startMs = atMs - (atMs % BUCKET_MS)
  const kept = buckets.filter(([start]) => start > atMs - WINDOW_MS)
  const at = kept.findIndex(([start]) => start === startMs)
  if (at < 0) return [...kept, [startMs, ok, failed] as const].sort((a, b) => a[0] - b[0])
  return kept.with(at, [startMs, kept[at]![1] + ok, kept[at]![2] + failed])
}

function sumSince(buckets: TargetHealth['buckets'], sinceMs: number): { ok: number; failed: number } {
  let ok = 0
  let failed = 0
  for (const [startMs, succeeded, broken] of buckets) {
    if (startMs + BUCKET_MS <= sinceMs) continue
    ok += succeeded
    failed += broken
  }
  return { ok, failed }
}

/** Between -1 and 1, the same for the same text: gateways agree, and hosts do not come back in step (FNV-1a). */
function scatter(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return ((hash >>> 0) / 0xffffffff) * 2 - 1
}
