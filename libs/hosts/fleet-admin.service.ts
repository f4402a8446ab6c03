import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { CostSpan, HeldModel, HostRecord, Region } from './domain/host-record'
import { FleetStore } from './fleet.store'
import { HostSecrets } from './host-secrets.service'

/** A host to be made. `secret` is the plain credential: it is sealed before it is stored and never read back. */
export interface NewHost {
  readonly name: string
  readonly region: string
  readonly provider: string
  readonly baseUrl: string
  readonly secret?: string | null
  readonly maxParallel?: number
  readonly weight?: number
  readonly costPerHourPico?: bigint | null
  readonly vramBytes?: number | null
  readonly diskBytes?: number | null
  readonly isEnabled?: boolean
  readonly isSandbox?: boolean
}

/** Hosts and regions, for operators. Whether an address may be used at all is judged before (apps/admin). */
@Injectable()
export class FleetAdminService {
  constructor(
    private readonly store: FleetStore,
    private readonly secrets: HostSecrets,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Stores a host in drain: it serves once a probe has passed. @throws RefusalError object_conflict, invalid_request */
  async createHost({ secret, ...wanted }: NewHost): Promise<HostRecord> {
    const id = this.ids.uuid()
    const now = new Date(this.clock.now())
    const host: HostRecord = {
      maxParallel: 4,
      weight: 1,
      costPerHourPico: null,
      vramBytes: null,
      diskBytes: null,
      isEnabled: true,
      isSandbox: false,
      ...wanted,
      ...this.secrets.seal({ id, provider: wanted.provider }, secret ?? null),
      id,
      isDraining: true,
      status: 'unknown',
      unhealthySince: null,
      version: null,
      lastProbeAt: null,
      lastError: null,
      isOpenToAll: null,
      createdAt: now,
      updatedAt: now,
    }
    await this.store.insert(host).catch((error: unknown) => rethrow(error, wanted.name))
    return host
  }

  /** @throws RefusalError object_not_found */
  async get(name: string): Promise<HostRecord> {
    const host = await this.store.byName(name)
    if (!host) throw new RefusalError(refuse('object_not_found', { object: 'Host', name }))
    return host
  }

  async list(page: { after?: string; limit: number }): Promise<HostRecord[]> {
    return this.store.list(page)
  }

  /** Models these hosts held at their last probe, by host id. */
  async held(hosts: readonly HostRecord[]): Promise<Map<string, HeldModel[]>> {
    const groups = new Map<string, HeldModel[]>(hosts.map((host) => [host.id, []]))
    for (const held of await this.store.held([...groups.keys()])) groups.get(held.hostId)!.push(held)
    return groups
  }

  /** The host as it is to be, for a probe before anything is stored. */
  prospect(host: HostRecord, { secret, ...changes }: Partial<NewHost>): HostRecord {
    return { ...host, ...changes, ...(secret === undefined ? {} : this.secrets.seal(host, secret)) }
  }

  /** Is this the host's credential? False as well for one that cannot be opened. */
  hasSecret(host: HostRecord, secret: string | null): boolean {
    return this.secrets.isReadable(host) && this.secrets.open(host) === secret
  }

  /** Changes a host and tells every process. An undefined secret stays as it is, null removes it. */
  async change(host: HostRecord, { secret, ...changes }: Partial<NewHost> & { isDraining?: boolean }): Promise<void> {
    const credential = secret === undefined ? {} : this.secrets.seal(host, secret)
    await this.store.change(host.id, { ...changes, ...credential }).catch((error: unknown) => rethrow(error, changes.name ?? host.name))
    await this.notices.publish({ topic: 'hosts' })
  }

  /** Calls that run there, or were admitted for it already, are still served. */
  async remove(host: HostRecord): Promise<void> {
    await this.store.remove(host.id)
    await this.notices.publish({ topic: 'hosts' })
  }

  /** How long each host with a cost per hour stood within a period, span by span; a period that runs ends now. */
  async costSpans(fromMs: number, toMs: number): Promise<CostSpan[]> {
    return this.store.costSpans(fromMs, toMs, this.clock.now())
  }

  async regions(): Promise<(Region & { distancesMs: Record<string, number> })[]> {
    return this.store.regions()
  }

  /** Those of these slugs that are no region. */
  async unknownRegions(slugs: readonly string[]): Promise<string[]> {
    const known = await this.store.knownRegions(slugs)
    return slugs.filter((slug) => !known.has(slug))
  }

  /** @throws RefusalError object_conflict */
  async addRegion(region: Region, distancesMs: Readonly<Record<string, number>>): Promise<void> {
    try {
      await this.store.addRegion(region, distancesMs)
    } catch (error) {
      if (violatedConstraint(error) === 'region_pk') throw new RefusalError(refuse('object_conflict', { object: 'Region', name: region.slug }))
      throw error
    }
    await this.notices.publish({ topic: 'hosts' })
  }
}

function rethrow(error: unknown, name: string): never {
  const constraint = violatedConstraint(error)
  if (constraint === 'host_name_key') throw new RefusalError(refuse('object_conflict', { object: 'Host', name }))
  if (constraint === 'host_region_fk') throw new RefusalError(refuse('invalid_request', { reason: 'region is not a region.' }, { details: { errors: [{ path: 'region', message: 'is not a region' }] } }))
  throw error
}
