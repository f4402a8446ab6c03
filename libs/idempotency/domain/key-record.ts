/** What is kept under a key. Times are judged by Postgres, whose clock all gateways share. */
export interface KeyRecord {
  readonly bodyHash: Buffer
  /** The request id under which the work is done: of the first request, also when another one takes it up again. */
  readonly rid: string
  /** The request that works on it, or did last. */
  readonly owner: string
  /** The owner gave a sign of life within its lease. */
  readonly isLeased: boolean
  /** Older than 24 hours. */
  readonly isExpired: boolean
  /** How it ended, as the plane wrote it; null while it runs, and for good when its process died. */
  readonly outcome: string | null
}

/**
 * Where a record stands for a request that comes with its key. `abandoned` = whoever worked on it is gone without a word;
 * what that means is for the plane to say.
 */
export type Standing = 'free' | 'reused' | 'ended' | 'running' | 'abandoned'

/** Judges a record. A key whose work still runs stays taken after its 24 hours. */
export function standingOf(record: KeyRecord, bodyHash: Buffer): Standing {
  if (record.isExpired && !record.isLeased) return 'free'
  if (!record.bodyHash.equals(bodyHash)) return 'reused'
  if (record.outcome !== null) return 'ended'
  return record.isLeased ? 'running' : 'abandoned'
}
