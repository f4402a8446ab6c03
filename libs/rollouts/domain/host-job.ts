import { keptName } from '@tollgate/kernel'

/** What a job does on its host. */
const JOB_KINDS = ['pull', 'create', 'delete', 'preload'] as const
export type JobKind = (typeof JOB_KINDS)[number]

/** `queued` and `running` are open; the others are over. */
export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type JobState = (typeof JOB_STATES)[number]

/** The last line a host sent of a job. Bytes; both null between layers. */
export interface JobProgress {
  readonly status: string
  readonly total: number | null
  readonly completed: number | null
}

/** A job with the host it is for. */
export interface HostJob {
  readonly id: string
  readonly kind: JobKind
  readonly host: string
  readonly model: string
  readonly state: JobState
  readonly progress: JobProgress | null
  readonly error: string | null
  readonly attempts: number
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/** How often a job is begun before it has failed. A pull goes on where it was: its parts stay on the host's disk. */
export const MOST_ATTEMPTS = 5
const FIRST_PAUSE_MS = 2_000
const MOST_ERROR_CHARS = 500

/** The call on the host that does the job (ollama-api.md 3, 7, 8, 9). A load that lasts for ever is keep_alive -1. */
export function callOf(kind: JobKind): { readonly method: 'POST' | 'DELETE'; readonly path: string } {
  const path = { pull: '/api/pull', create: '/api/create', delete: '/api/delete', preload: '/api/generate' }[kind]
  return { method: kind === 'delete' ? 'DELETE' : 'POST', path }
}

/** What is done on the host around a job, in order; each is worth trying, and none stops the job. */
export interface Chore {
  readonly method: 'POST' | 'DELETE'
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Before weights are replaced the host is told to keep them under a name of their own (no disk is copied), so that a rollback
 * is served at once; what it kept before goes, but for what calls are pinned to. A model that is deleted takes all with it.
 */
export function choresBefore(kind: JobKind, model: string, held: { readonly name: string; readonly digest: string | null; readonly kept: Readonly<Record<string, { readonly name: string }>>; readonly pinnedDigest: string | null } | null): Chore[] {
  if (held === null || kind === 'preload') return []
  const drop = (spared: readonly (string | null)[]) =>
    Object.entries(held.kept).flatMap(([digest, { name }]): Chore[] => (spared.includes(digest) ? [] : [{ method: 'DELETE', path: '/api/delete', body: { model: name } }]))
  if (kind === 'delete') return drop([])
  const destination = held.digest === null ? null : keptName(model, held.digest)
  return [...(destination === null ? [] : [{ method: 'POST' as const, path: '/api/copy', body: { source: held.name, destination } }]), ...drop([held.digest, held.pinnedDigest])]
}

/** What loads a model to stay, with the context its calls will ask for: another would load it anew. */
export function preloadBody(model: string, contextLength: number | null): Record<string, unknown> {
  return { model, keep_alive: -1, stream: false, ...(contextLength === null ? {} : { options: { num_ctx: contextLength } }) }
}

/**
 * Reads one line of a host's answer. A job is done when its host says `success`, or `done` of a load; never because the
 * answer ended or had status 200: a failed pull is a 200 whose last line is an error.
 */
export function readLine(line: string): { readonly progress: JobProgress } | { readonly error: string } | 'done' | null {
  let said: Record<string, unknown>
  try {
    said = JSON.parse(line) as Record<string, unknown>
  } catch {
    return { error: 'the host sent a line that is not JSON' }
  }
  if (typeof said !== 'object' || said === null) return null
  if (said.error !== undefined) return { error: String(said.error).slice(0, MOST_ERROR_CHARS) }
  if (said.status === 'success' || said.done === true) return 'done'
  if (typeof said.status !== 'string') return null
  return { progress: { status: said.status.slice(0, 200), total: bytes(said.total), completed: bytes(said.completed) } }
}

/** How an attempt ended. `isFinal`: the host itself said no, and would say it again. */
export type AttemptEnd = { readonly kind: 'done' } | { readonly kind: 'cancelled' } | { readonly kind: 'failed'; readonly error: string; readonly isFinal: boolean }

/** What becomes of a job after an attempt: over, or begun again after a pause that doubles. */
export function afterAttempt(end: AttemptEnd, attempt: number, nowMs: number): { readonly state: JobState; readonly error: string | null; readonly nextAtMs: number } {
  if (end.kind === 'done') return { state: 'succeeded', error: null, nextAtMs: nowMs }
  if (end.kind === 'cancelled') return { state: 'cancelled', error: null, nextAtMs: nowMs }
  if (end.isFinal || attempt >= MOST_ATTEMPTS) return { state: 'failed', error: end.error, nextAtMs: nowMs }
  return { state: 'queued', error: end.error, nextAtMs: nowMs + FIRST_PAUSE_MS * 2 ** (attempt - 1) }
}

function bytes(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}
