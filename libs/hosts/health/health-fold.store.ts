import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import { HealthStore, type CallTotals } from './health.store'

/** How a model fared on a host since it was first called there. */
export interface FaredModel extends CallTotals {
  readonly hostId: string
}

/** The health of hosts in Postgres: what outlives Redis. */
@Injectable()
export class HealthFoldStore {
  constructor(
    private readonly database: Database,
    private readonly live: HealthStore,
  ) {}

  /** Folds the running totals of every host into `host_health`. Folding twice adds nothing. @throws when a store is away */
  async fold(): Promise<void> {
    const hosts = await this.database.query<{ id: string }>('SELECT id FROM host')
    for (const { id } of hosts) {
      const totals = await this.live.totals(id)
      if (totals) await this.add(id, totals.epoch, totals.models)
    }
  }

  /** Totals as of the last fold. */
  async fared(hostIds: readonly string[]): Promise<FaredModel[]> {
    const rows = await this.database.query<{ host_id: string; model: string; total: string; failed: string; latency_ms: string; last_used_at: Date | null; last_error: string | null; last_error_at: Date | null }>(
      'SELECT host_id, model, total, failed, latency_ms, last_used_at, last_error, last_error_at FROM host_health WHERE host_id = ANY ($1) ORDER BY model',
      [hostIds],
    )
    return rows.map((row) => ({
      hostId: row.host_id,
      model: row.model,
      total: Number(row.total),
      failed: Number(row.failed),
      latencyMs: Number(row.latency_ms),
      lastUsedMs: row.last_used_at?.getTime() ?? 0,
      lastError: row.last_error,
      lastErrorMs: row.last_error_at?.getTime() ?? 0,
    }))
  }

  /**
   * SQL: one upsert a host, by primary key. Within an epoch only what grew since the last fold is added; of another
   * epoch everything is. `greatest`: a Redis that came back a little older takes nothing away.
   */
  private async add(hostId: string, epoch: string, models: readonly CallTotals[]): Promise<void> {
    const body = JSON.stringify(
      models.map(({ model, total, failed, latencyMs, lastUsedMs, lastError, lastErrorMs }) => ({ model, total, failed, latency: latencyMs, used: lastUsedMs / 1000, error: lastError, erred: lastErrorMs === 0 ? null : lastErrorMs / 1000 })),
    )
    await this.database.asPlatform((tx) =>
      tx.query(
        `INSERT INTO host_health AS h (host_id, model, total, failed, latency_ms, last_used_at, last_error, last_error_at, epoch, seen_total, seen_failed, seen_latency_ms)
         SELECT host.id, c.model, c.total, c.failed, c.latency, to_timestamp(c.used), c.error, to_timestamp(c.erred), $2, c.total, c.failed, c.latency
         FROM host, jsonb_to_recordset($3::jsonb) AS c(model text, total bigint, failed bigint, latency bigint, used float8, error text, erred float8) WHERE host.id = $1 ORDER BY c.model
         ON CONFLICT (host_id, model) DO UPDATE SET
           total = h.total + greatest(0, excluded.seen_total - CASE WHEN h.epoch = excluded.epoch THEN h.seen_total ELSE 0 END),
           failed = h.failed + greatest(0, excluded.seen_failed - CASE WHEN h.epoch = excluded.epoch THEN h.seen_failed ELSE 0 END),
           latency_ms = h.latency_ms + greatest(0, excluded.seen_latency_ms - CASE WHEN h.epoch = excluded.epoch THEN h.seen_latency_ms ELSE 0 END),
           last_used_at = excluded.last_used_at, last_error = coalesce(excluded.last_error, h.last_error), last_error_at = coalesce(excluded.last_error_at, h.last_error_at),
           epoch = excluded.epoch, seen_total = excluded.seen_total, seen_failed = excluded.seen_failed, seen_latency_ms = excluded.seen_latency_ms, folded_at = now()`,
        [hostId, epoch, body],
      ),
    )
  }
}
