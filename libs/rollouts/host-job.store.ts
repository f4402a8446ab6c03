import { Injectable } from '@nestjs/common'
import { Database, violatedConstraint } from '@tollgate/platform/postgres'
import type { Loads } from './domain/warm'
import type { HostJob, JobKind, JobProgress, JobState } from './domain/host-job'

/** A job to be queued. */
export interface NewJob {
  readonly id: string
  readonly kind: JobKind
  readonly hostId: string
  readonly model: string
  readonly body: Readonly<Record<string, unknown>>
  /** Queued by the planner, which may withdraw it. */
  readonly forCopies?: boolean
}

/** A job that a worker has taken, with all that doing it takes but the host's credential. */
export interface TakenJob {
  readonly id: string
  readonly kind: JobKind
  readonly hostId: string
  readonly model: string
  readonly body: Readonly<Record<string, unknown>>
  readonly attempt: number
  readonly forCopies: boolean
  readonly baseUrl: string
  /** What the host holds of the model as of its last probe, earlier weights it keeps, and what calls are pinned to. */
  readonly held: { readonly name: string; readonly digest: string | null; readonly kept: Readonly<Record<string, { readonly name: string }>>; readonly pinnedDigest: string | null } | null
}

/** An Ollama host that jobs may be queued for. */
export interface JobHost {
  readonly id: string
  readonly name: string
  readonly region: string
  readonly models: readonly string[]
}

const JOB = `j.id, j.kind, h.name AS host, j.model, j.state, nullif(j.progress, '{}') AS progress, j.error, j.attempts, j.created_at AS "createdAt", j.finished_at AS "finishedAt"`

/** Jobs on hosts. */
@Injectable()
export class HostJobStore {
  constructor(private readonly database: Database) {}

  /** Enabled Ollama hosts with what they hold: only they take jobs. */
  async hosts(): Promise<JobHost[]> {
    return this.database.query(
      `SELECT h.id, h.name, h.region, coalesce(array_agg(d.model) FILTER (WHERE d.model IS NOT NULL), '{}') AS models
       FROM host h LEFT JOIN deployment d ON d.host_id = h.id WHERE h.provider = 'ollama' AND h.enabled GROUP BY h.id ORDER BY h.name`,
    )
  }

  /** Queues jobs; one that is open already stays the one there is. @returns ids of the open jobs, in the order given */
  async queue(jobs: readonly NewJob[], at: Date): Promise<string[]> {
    return this.database.asPlatform(async (tx) => {
      const ids: string[] = []
      for (const { id, kind, hostId, model, body, forCopies = false } of jobs) {
        const [row] = await tx.query<{ id: string }[]>(
          `INSERT INTO host_job (id, kind, host_id, model, body, next_at, created_at, for_copies) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
           ON CONFLICT (host_id, kind, model) WHERE finished_at IS NULL DO UPDATE SET body = excluded.body, for_copies = host_job.for_copies AND excluded.for_copies RETURNING id`,
          [id, kind, hostId, model, JSON.stringify(body), at, forCopies],
        )
        ids.push(row!.id)
      }
      return ids
    })
  }

  async find(ids: readonly string[]): Promise<HostJob[]> {
    return this.database.query(`SELECT ${JOB} FROM host_job j JOIN host h ON h.id = j.host_id WHERE j.id = ANY ($1::uuid[]) ORDER BY j.id`, [ids])
  }

  /** Newest first, after a job id. */
  async list(page: { after?: string; limit: number; state?: JobState; model?: string }): Promise<HostJob[]> {
    return this.database.query(
      `SELECT ${JOB} FROM host_job j JOIN host h ON h.id = j.host_id
       WHERE ($1::uuid IS NULL OR j.id < $1) AND ($2::text IS NULL OR j.state = $2) AND ($3::text IS NULL OR j.model = $3) ORDER BY j.id DESC LIMIT $4`,
      [page.after ?? null, page.state ?? null, page.model ?? null, page.limit],
    )
  }

  /** Loads that are open, or ended since. */
  async loads(since: Date): Promise<Loads[]> {
    return this.database.query<Loads>(
      `SELECT host_id AS "hostId", model, count(finished_at)::int AS ended, coalesce(extract(epoch FROM max(finished_at)), 0)::float8 * 1000 AS "lastMs", bool_or(finished_at IS NULL) AS "isOpen"
       FROM host_job WHERE kind = 'preload' AND (finished_at IS NULL OR finished_at > $1) GROUP BY host_id, model`,
      [since],
    )
  }

  /** The open or last job of each model, for the catalogue's status. */
  async latestByModel(): Promise<Map<string, { kind: JobKind; state: JobState }>> {
    const rows = await this.database.query<{ model: string; kind: JobKind; state: JobState }>(`SELECT DISTINCT ON (model) model, kind, state FROM host_job ORDER BY model, finished_at IS NULL DESC, created_at DESC`)
    return new Map(rows.map(({ model, kind, state }) => [model, { kind, state }]))
  }

  /** Ends an open job. A running one notices when it next writes its progress. @returns false when it was over */
  async cancel(id: string, at: Date, reason: string | null = null): Promise<boolean> {
    const rows = await this.database.query(`WITH changed AS (UPDATE host_job SET state = 'cancelled', finished_at = $2, error = $3 WHERE id = $1 AND finished_at IS NULL RETURNING id) SELECT id FROM changed`, [id, at, reason])
    return rows.length > 0
  }

  /**
   * Takes one job whose time has come, of a host where none runs, and keeps other workers from it until `leaseUntil`: then
   * whoever took it is dead and it is begun again. Two workers at once: the unique index lets one have the host.
   */
  async take(now: Date, leaseUntil: Date): Promise<TakenJob | null> {
    const [job] = await this.database
      .query<TakenJob>(
        `WITH due AS (
           SELECT id FROM host_job j WHERE finished_at IS NULL AND next_at <= $1
             AND NOT EXISTS (SELECT FROM host_job r WHERE r.host_id = j.host_id AND r.state = 'running' AND r.id <> j.id)
           ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED),
         taken AS (UPDATE host_job j SET state = 'running', attempts = j.attempts + 1, next_at = $2 FROM due WHERE j.id = due.id RETURNING j.*)
         SELECT t.id, t.kind, t.host_id AS "hostId", t.model, t.body, t.attempts AS attempt, t.for_copies AS "forCopies", h.base_url AS "baseUrl",
           CASE WHEN d.host_id IS NOT NULL THEN jsonb_build_object('name', d.upstream_name, 'digest', d.digest, 'kept', d.kept, 'pinnedDigest', m.pinned_digest) END AS held
         FROM taken t JOIN host h ON h.id = t.host_id LEFT JOIN deployment d ON d.host_id = t.host_id AND d.model = t.model LEFT JOIN model m ON m.name = t.model`,
        [now, leaseUntil],
      )
      .catch((error: unknown) => {
        if (violatedConstraint(error) === 'host_job_one_at_a_time_key') return []
        throw error
      })
    return job ?? null
  }

  /** Notes progress and goes on holding the job. @returns false when it was cancelled, or taken over */
  async hold(job: TakenJob, progress: JobProgress | null, leaseUntil: Date): Promise<boolean> {
    const rows = await this.database.query(`WITH held AS (UPDATE host_job SET progress = coalesce($3::jsonb, progress), next_at = $4 WHERE id = $1 AND state = 'running' AND attempts = $2 RETURNING id) SELECT id FROM held`, [
      job.id, job.attempt, progress && JSON.stringify(progress), leaseUntil,
    ])
    return rows.length > 0
  }

  /**
   * Writes how an attempt ended, unless the job was cancelled or taken over meanwhile. One that was asked for with another
   * body while it ran is begun anew with that.
   */
  async end(job: TakenJob, { state, error, nextAt, progress }: { state: JobState; error: string | null; nextAt: Date; progress: JobProgress | null }, at: Date): Promise<void> {
    await this.database.query(
      `UPDATE host_job SET (state, error, next_at, finished_at) = (
           SELECT CASE WHEN body = $8::jsonb THEN $3 ELSE 'queued' END, CASE WHEN body = $8::jsonb THEN $4 END, CASE WHEN body = $8::jsonb THEN $5::timestamptz ELSE $9::timestamptz END,
             CASE WHEN body = $8::jsonb THEN $6::timestamptz END),
         progress = coalesce($7::jsonb, progress)
       WHERE id = $1 AND state = 'running' AND attempts = $2`,
      [job.id, job.attempt, state, error, nextAt, state === 'queued' ? null : at, progress && JSON.stringify(progress), JSON.stringify(job.body), at],
    )
  }
}
