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
      this.database.query<HostRow>('SELECT id, name, region, provider, base_url, max_parallel, weight, enabled, drain, is_sandbox, secret, status FROM host ORDER BY name'),
      this.database.query<{ host_id: string; model: string; upstream_name: string; digest: string | null }>('SELECT host_id, model, upstream_name, digest FROM deployment'),
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
      await tx.query('UPDATE host SET status = $2, version = coalesce($3, version), last_error = $4, last_probe_at = now() WHERE id = $1', [host.id, status, probe.version, probe.error])
      if (!probe.isReachable) return host.status !== status
      const body = JSON.stringify(
        probe.models.map((model) => ({ model: canonicalModel(model.upstreamName), upstream_name: model.upstreamName, digest: model.digest, size_bytes: model.sizeBytes, modified_at: model.modifiedAt, details: model.details, capabilities: model.capabilities })),
      )
      const gone = await tx.query<[unknown[], number]>(`DELETE FROM deployment WHERE host_id = $1 AND model NOT IN (SELECT f.model FROM jsonb_to_recordset($2::jsonb) AS f(model text))`, [host.id, body])
      const changed = await tx.query<unknown[]>(
        `INSERT INTO deployment AS d (host_id, model, upstream_name, digest, size_bytes, modified_at, details, capabilities)
         SELECT DISTINCT ON (f.model) $1::uuid, f.model, f.upstream_name, f.digest, f.size_bytes, f.modified_at, f.details, f.capabilities
         FROM jsonb_to_recordset($2::jsonb) AS f(model text, upstream_name text, digest text, size_bytes bigint, modified_at timestamptz, details jsonb, capabilities jsonb) ORDER BY f.model
         ON CONFLICT (host_id, model) DO UPDATE SET upstream_name = excluded.upstream_name, digest = excluded.digest, size_bytes = excluded.size_bytes, modified_at = excluded.modified_at,
           details = excluded.details, capabilities = excluded.capabilities, seen_at = now()
         WHERE (d.upstream_name, d.digest) IS DISTINCT FROM (excluded.upstream_name, excluded.digest) RETURNING d.model`,
        [host.id, body],
      )
      return host.status !== status || gone[1] > 0 || changed.length > 0
    })
  }

  /** Marks hosts whose answers no model writes, so that every reply says so. */
  async markSandbox(names: readonly string[]): Promise<void> {
    await this.database.asPlatform((tx) => tx.query('UPDATE host SET is_sandbox = true WHERE name = ANY ($1)', [names]))
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
    isEnabled: row.enabled,
    isDraining: row.drain,
    isSandbox: row.is_sandbox,
    secret: row.secret,
    status: row.status,
  }
}
