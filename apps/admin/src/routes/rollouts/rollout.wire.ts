import type { CopiesStanding, HostJob } from '@tollgate/rollouts'
import { instantReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { jobState } from './rollout.schema'

/** A job as the wire has it; `percent` is null while the host tells no sizes. */
export const jobReply = z
  .strictObject({
    id: z.uuid(),
    kind: z.enum(['pull', 'create', 'delete', 'preload']),
    host: z.string(),
    model: z.string(),
    state: jobState,
    progress: z
      .strictObject({ status: z.string(), total: z.int().nullable(), completed: z.int().nullable(), percent: z.int().nullable() })
      .nullable()
      .meta({ description: 'The last word of the host, sizes in bytes; null before the first' }),
    error: z.string().nullable(),
    attempts: z.int(),
    created_at: instantReply,
    finished_at: instantReply.nullable().meta({ description: 'Null while it is queued or running' }),
  })
  .meta({ id: 'HostJob' })

export function jobWire({ id, kind, host, model, state, progress, error, attempts, createdAt, finishedAt }: HostJob): z.output<typeof jobReply> {
  const percent = progress?.total ? Math.min(100, Math.floor((100 * (progress.completed ?? 0)) / progress.total)) : null
  return { id, kind, host, model, state, progress: progress && { ...progress, percent }, error, attempts, created_at: createdAt, finished_at: finishedAt }
}

/** A change of a model that is done, in a sentence. */
export const successReply = z.strictObject({ status: z.literal('success'), message: z.string() })

/** The answer to whoever asked for jobs. */
export const queuedReply = successReply.extend({ jobs: z.array(jobReply) })

export function queuedWire(message: string, jobs: readonly HostJob[]): z.output<typeof queuedReply> {
  return { status: 'success', message, jobs: jobs.map(jobWire) }
}

/** Copies wanted and how each region stands. */
export const copiesReply = z
  .strictObject({
    model: z.string(),
    copies: z.array(
      z.strictObject({
        region: z.string(),
        copies: z.int(),
        min_live: z.int(),
        live: z.int(),
        state: z.enum(['reached', 'working', 'blocked']),
        reason: z.string().nullable().meta({ description: 'Why it is blocked' }),
      }),
    ),
  })
  .meta({ id: 'ModelCopies' })

export function copiesWire({ model, standings }: { readonly model: string; readonly standings: readonly CopiesStanding[] }): z.output<typeof copiesReply> {
  return { model, copies: standings.map(({ region, copies, minLive, live, state, reason }) => ({ region, copies, min_live: minLive, live, state, reason })) }
}

export function isOver(job: HostJob): boolean {
  return job.finishedAt !== null
}
