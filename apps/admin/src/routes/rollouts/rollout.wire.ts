import type { CopiesStanding, HostJob } from '@tollgate/rollouts'

/** A job as the wire has it; `percent` is null while the host tells no sizes. */
export function jobWire({ id, kind, host, model, state, progress, error, attempts, createdAt, finishedAt }: HostJob) {
  const percent = progress?.total ? Math.min(100, Math.floor((100 * (progress.completed ?? 0)) / progress.total)) : null
  return { id, kind, host, model, state, progress: progress && { ...progress, percent }, error, attempts, created_at: createdAt, finished_at: finishedAt }
}

/** The answer to whoever asked for jobs. */
export function queuedWire(message: string, jobs: readonly HostJob[]) {
  return { status: 'success', message, jobs: jobs.map(jobWire) }
}

/** Copies wanted and how each region stands. */
export function copiesWire({ model, standings }: { readonly model: string; readonly standings: readonly CopiesStanding[] }) {
  return { model, copies: standings.map(({ region, copies, minLive, live, state, reason }) => ({ region, copies, min_live: minLive, live, state, reason })) }
}

export function isOver(job: HostJob): boolean {
  return job.finishedAt !== null
}
