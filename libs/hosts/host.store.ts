import { Injectable } from '@nestjs/common'
import { canonicalModel } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'
import type { Deployment, Host, ProbeResult } from './domain/host'

interface HostRow {
  id: string
  name: string
  region: string
  provider: string
  base_url: string
  max_parallel: number
  weight: number
  cost_per_hour_pico: string | null
  enabled: boolean
  drain: boolean
  is_sandbox: boolean
  secret: Buffer | null
  status: Host['status']
}

/** The whole fleet as routing needs it. */
export interface Fleet {
  readonly hosts: readonly Host[]
  readonly deployments: readonly Deployment[]
  readonly regions: readonly string[]
  readonly distances: readonly { from: string; to: string; distanceMs: number }[]
}

/** Hosts, regions and deployments in Postgres. */
@Injectable()
export class HostStore {
  constructor(private readonly database: Database) {}

  async fleet(): Promise<Fleet> {
    const [hosts, deployments, regions, distances] = await Promise.all([
      this.database.query<HostRow>('SELECT id, name, region, provider, base_url, max_parallel, weight, cost_per_hour_pico, enabled, drain, is_sandbox, secret, status FROM host ORDER BY name'),
      this.database.query<{ host_id: string; model: string; upstream_name: string; digest: string | null }>(
        // A pinned model is served by hosts that hold its digest, or have kept it (SQL: the catalogue is another room).
        `SELECT d.host_id, d.model, CASE WHEN m.pinned_digest IS NULL OR d.digest = m.pinned_digest THEN d.upstream_name ELSE d.kept -> m.pinned_digest ->> 'name' END AS upstream_name, coalesce(m.pinned_digest, d.digest) AS digest
         FROM deployment d LEFT JOIN model m ON m.name = d.model WHERE m.pinned_digest IS NULL OR d.digest = m.pinned_digest OR d.kept ? m.pinned_digest`,
      ),
      this.database.query<{ slug: string }>('SELECT slug FROM region ORDER BY slug'),
      this.database.query<{ from_region: string; to_region: string; distance_ms: number }>('SELECT from_region, to_region, distance_ms FROM region_distance'),
    ])
    return {
      hosts: hosts.map(hostOf),
      deployments: deployments.map((row) => ({ hostId: row.host_id, model: row.model, upstreamName: row.upstream_name, digest: row.digest })),
      regions: regions.map((row) => row.slug),
      distances: distances.map((row) => ({ from: row.from_region, to: row.to_region, distanceMs: row.distance_ms })),
    }
  }

  async find(id: string): Promise<Host | null> {
    const [row] = await this.database.query<HostRow>('SELECT * FROM host WHERE id = $1', [id])
    return row ? hostOf(row) : null
  }

  /**
   * Writes what a probe saw: status, version and the models the host really holds, in one transaction. An unreachable
   * host keeps its last list, so that it serves again the moment it is back. @returns true when routing must know
   */
  async saveProbe(host: Host, probe: ProbeResult): Promise<boolean> {
    return this.database.asPlatform(async (tx) => {
      const status = probe.isReachable ? 'healthy' : 'unhealthy'
      await tx.query(`UPDATE host SET status = $2, unhealthy_since = CASE WHEN $2 = 'unhealthy' THEN coalesce(unhealthy_since, now()) END, version = coalesce($3, version), last_error = $4, last_probe_at = now() WHERE id = $1`, [host.id, status, probe.version, probe.error])
      if (!probe.isReachable) return host.status !== status
      const body = JSON.stringify(
        probe.models.map((model) => ({ model: canonicalModel(model.upstreamName), upstream_name: model.upstreamName, digest: model.digest, size_bytes: model.sizeBytes, modified_at: model.modifiedAt, details: model.details, capabilities: model.capabilities, kept: model.kept })),
      )
      const gone = await tx.query<[unknown[], number]>(`DELETE FROM deployment WHERE host_id = $1 AND model NOT IN (SELECT f.model FROM jsonb_to_recordset($2::jsonb) AS f(model text))`, [host.id, body])
      const changed = await tx.query<unknown[]>(
        `INSERT INTO deployment AS d (host_id, model, upstream_name, digest, size_bytes, modified_at, details, capabilities, kept)
         SELECT DISTINCT ON (f.model) $1::uuid, f.model, f.upstream_name, f.digest, f.size_bytes, f.modified_at, f.details, f.capabilities, f.kept
         FROM jsonb_to_recordset($2::jsonb) AS f(model text, upstream_name text, digest text, size_bytes bigint, modified_at timestamptz, details jsonb, capabilities jsonb, kept jsonb) ORDER BY f.model
         ON CONFLICT (host_id, model) DO UPDATE SET upstream_name = excluded.upstream_name, digest = excluded.digest, size_bytes = excluded.size_bytes, modified_at = excluded.modified_at,
           details = excluded.details, capabilities = excluded.capabilities, kept = excluded.kept, seen_at = now()
         WHERE (d.upstream_name, d.digest, d.kept) IS DISTINCT FROM (excluded.upstream_name, excluded.digest, excluded.kept) RETURNING d.model`,
        [host.id, body],
      )
      return host.status !== status || gone[1] > 0 || changed.length > 0
    })
  }

  /** Hosts whose secret does not begin with this, so is sealed under another key. */
  async sealedOtherwise(prefix: Buffer): Promise<(Pick<Host, 'id' | 'name' | 'provider'> & { readonly secret: Buffer })[]> {
    return this.database.query('SELECT id, name, provider, secret FROM host WHERE substring(secret FROM 1 FOR $2) <> $1 ORDER BY id', [prefix, prefix.length])
  }

  /** Puts a box in the place of another. False when that one is not there any more. */
  async replaceSecret(id: string, former: Buffer, next: Buffer): Promise<boolean> {
    const [, count] = (await this.database.query('UPDATE host SET secret = $3 WHERE id = $1 AND secret = $2', [id, former, next])) as [unknown, number]
    return count > 0
  }

  /** Marks hosts whose answers no model writes, so that every reply says so. */
  async markSandbox(names: readonly string[]): Promise<void> {
    await this.database.asPlatform((tx) => tx.query('UPDATE host SET is_sandbox = true WHERE name = ANY ($1)', [names]))
  }

  /** Whether the host answers callers without our credential. */
  async noteOpenToAll(id: string, isOpenToAll: boolean): Promise<void> {
    await this.database.asPlatform((tx) => tx.query('UPDATE host SET is_open_to_all = $2 WHERE id = $1', [id, isOpenToAll]))
  }

  /** A new host starts in drain until its first probe passes (security.md, SSRF policy 7). */
  async startServing(id: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.query('UPDATE host SET drain = false, updated_at = now() WHERE id = $1', [id]))
  }
}

function hostOf(row: HostRow): Host {
  return {
    id: row.id,
    name: row.name,
    region: row.region,
    provider: row.provider,
    baseUrl: row.base_url,
    maxParallel: row.max_parallel,
    weight: row.weight,
    costPerHourPico: row.cost_per_hour_pico === null ? null : BigInt(row.cost_per_hour_pico),
    isEnabled: row.enabled,
    isDraining: row.drain,
    isSandbox: row.is_sandbox,
    secret: row.secret,
    status: row.status,
  }
}
