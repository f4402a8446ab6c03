import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { CopiesState, CopiesWish, CopyHost, Failures, OpenJob } from './domain/copies'

/** Names the planner's lock: one worker plans at a time. */
const PLANNER_LOCK = 5_600_001

/** Copies wanted, and the fleet as the planner sees it. */
@Injectable()
export class CopiesStore {
  constructor(private readonly database: Database) {}

  /** @param model of this one only */
  async wishes(model: string | null = null): Promise<CopiesWish[]> {
    return this.database.query<CopiesWish>('SELECT model, region, copies, min_live AS "minLive" FROM model_copies WHERE $1::text IS NULL OR model = $1 ORDER BY model, region', [model])
  }

  /** Replaces what is wanted of a model. */
  async wish(model: string, wishes: readonly Omit<CopiesWish, 'model'>[]): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.query('DELETE FROM model_copies WHERE model = $1', [model])
      for (const { region, copies, minLive } of wishes) await tx.query('INSERT INTO model_copies (model, region, copies, min_live) VALUES ($1, $2, $3, $4)', [model, region, copies, minLive])
    })
  }

  /** The fleet now. SQL: hosts, deployments and the catalogue belong to other rooms. */
  async fleet(): Promise<Pick<CopiesState, 'wishes' | 'hosts' | 'open' | 'failures'>> {
    const [wishes, hosts, open, failures] = await Promise.all([this.wishes(), this.hosts(), this.open(), this.failures()])
    return { wishes, hosts, open, failures }
  }

  /** Runs `work` unless another worker is planning; the lock falls with the connection, so a dead planner holds nobody up. */
  async asPlanner(work: () => Promise<void>): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      const [row] = await tx.query<{ mine: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS mine', [PLANNER_LOCK])
      if (row!.mine) await work()
    })
  }

  private async hosts(): Promise<CopyHost[]> {
    return this.database.query<CopyHost>(
      `SELECT h.id, h.name, h.region, h.enabled AND NOT h.drain AS "takesCalls", h.disk_bytes::float8 AS "diskBytes",
         CASE WHEN h.status = 'unhealthy' THEN extract(epoch FROM now() - coalesce(h.unhealthy_since, now()))::float8 * 1000 END AS "downMs",
         coalesce(jsonb_agg(jsonb_build_object('model', d.model, 'digest', d.digest,
           'sizeBytes', coalesce(d.size_bytes, 0) + (SELECT coalesce(sum((k.value ->> 'size')::bigint), 0) FROM jsonb_each(d.kept) k),
           'serves', m.pinned_digest IS NULL OR d.digest = m.pinned_digest OR d.kept ? m.pinned_digest) ORDER BY d.model) FILTER (WHERE d.model IS NOT NULL), '[]') AS held
       FROM host h LEFT JOIN deployment d ON d.host_id = h.id LEFT JOIN model m ON m.name = d.model
       WHERE h.provider = 'ollama' GROUP BY h.id ORDER BY h.name`,
    )
  }

  private async open(): Promise<OpenJob[]> {
    return this.database.query<OpenJob>(`SELECT id, kind, host_id AS "hostId", model, state = 'running' AS "isRunning", for_copies AS "forCopies" FROM host_job WHERE finished_at IS NULL ORDER BY id`)
  }

  /** Failures in a row of the last day: what succeeded since is forgiven. */
  private async failures(): Promise<Failures[]> {
    return this.database.query<Failures>(
      `SELECT host_id AS "hostId", model, count(*)::int AS count, extract(epoch FROM max(finished_at))::float8 * 1000 AS "lastMs" FROM host_job f
       WHERE for_copies AND state = 'failed' AND finished_at > now() - interval '1 day'
         AND NOT EXISTS (SELECT FROM host_job s WHERE s.host_id = f.host_id AND s.model = f.model AND s.state = 'succeeded' AND s.finished_at > f.finished_at)
       GROUP BY host_id, model`,
    )
  }
}
