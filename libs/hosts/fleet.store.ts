import { Injectable } from '@nestjs/common'
import { In, MoreThan } from 'typeorm'
import { Database } from '@tollgate/platform/postgres'
import type { CostSpan, HeldModel, HostRecord, Region } from './domain/host-record'
import { HostTable } from './host.table'
import { RegionTable } from './region.table'

/** Hosts, what they hold and regions, as operators see and change them. Routing reads through host.store.ts. */
@Injectable()
export class FleetStore {
  constructor(private readonly database: Database) {}

  async insert(host: HostRecord): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(HostTable).insert(host))
  }

  async byName(name: string): Promise<HostRecord | null> {
    return this.database.asPlatform((tx) => tx.getRepository(HostTable).findOneBy({ name }))
  }

  /** By name, from after one. */
  async list(page: { after?: string; limit: number }): Promise<HostRecord[]> {
    const where = page.after ? { name: MoreThan(page.after) } : {}
    return this.database.asPlatform((tx) => tx.getRepository(HostTable).find({ where, order: { name: 'ASC' }, take: page.limit }))
  }

  async change(id: string, changes: Partial<Omit<HostRecord, 'id' | 'createdAt' | 'updatedAt'>>): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(HostTable).update({ id }, { ...changes, updatedAt: () => 'now()' }))
  }

  /** Its deployments go with it. */
  async remove(id: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(HostTable).delete({ id }))
  }

  /** What these hosts hold. SQL: `deployment` follows discovery and has no entity. */
  async held(hostIds: readonly string[]): Promise<HeldModel[]> {
    const rows = await this.database.query<{ host_id: string; model: string; upstream_name: string; digest: string | null; size_bytes: string | null; seen_at: Date }>(
      'SELECT host_id, model, upstream_name, digest, size_bytes, seen_at FROM deployment WHERE host_id = ANY ($1) ORDER BY model',
      [hostIds],
    )
    return rows.map((row) => ({
      hostId: row.host_id,
      model: row.model,
      upstreamName: row.upstream_name,
      digest: row.digest,
      sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
      seenAt: row.seen_at,
    }))
  }

  /**
   * How long hosts stood at which cost per hour within a period, removed ones included; `nowMs` ends what still stands.
   * SQL: `host_cost` is written by a trigger (migration 0011) and has no entity.
   */
  async costSpans(fromMs: number, toMs: number, nowMs: number): Promise<CostSpan[]> {
    const rows = await this.database.query<{ host: string; region: string; pico: string; ms: string }>(
      `SELECT host, region, pico::text, (extract(epoch FROM ends - starts) * 1000)::bigint::text AS ms FROM (
         SELECT host, region, cost_per_hour_pico AS pico, greatest(starts_at, to_timestamp($1 / 1000.0)) AS starts,
           least(coalesce(lead(starts_at) OVER (PARTITION BY host_id ORDER BY starts_at), to_timestamp($3 / 1000.0)), to_timestamp($2 / 1000.0)) AS ends
         FROM host_cost) span
       WHERE pico IS NOT NULL AND ends > starts ORDER BY host, region`,
      [fromMs, toMs, nowMs],
    )
    return rows.map((row) => ({ host: row.host, region: row.region, costPerHourPico: BigInt(row.pico), ms: Number(row.ms) }))
  }

  async regions(): Promise<(Region & { distancesMs: Record<string, number> })[]> {
    const rows = await this.database.query<{ slug: string; name: string; distances: Record<string, number> }>(
      `SELECT r.slug, r.name, coalesce((SELECT jsonb_object_agg(d.to_region, d.distance_ms) FROM region_distance d WHERE d.from_region = r.slug), '{}') AS distances FROM region r ORDER BY r.slug`,
    )
    return rows.map((row) => ({ slug: row.slug, name: row.name, distancesMs: row.distances }))
  }

  /** Which of these regions exist. */
  async knownRegions(slugs: readonly string[]): Promise<Set<string>> {
    const rows = await this.database.asPlatform((tx) => tx.getRepository(RegionTable).findBy({ slug: In([...slugs]) }))
    return new Set(rows.map((row) => row.slug))
  }

  /** The region with its distances, which hold both ways. */
  async addRegion(region: Region, distancesMs: Readonly<Record<string, number>>): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.getRepository(RegionTable).insert(region)
      for (const [other, distanceMs] of Object.entries(distancesMs))
        await tx.query('INSERT INTO region_distance (from_region, to_region, distance_ms) VALUES ($1, $2, $3), ($2, $1, $3)', [region.slug, other, distanceMs])
    })
  }
}
