import { refuse, RefusalError } from '@tollgate/kernel'

/** Of a read that failed: refusals stay what they are, a fault of Postgres is no fault of the caller's. */
export function reportsUnavailable(error: unknown): never {
  throw error instanceof RefusalError ? error : new RefusalError(refuse('reports_unavailable', {}, { retryAfterSeconds: 5 }))
}
