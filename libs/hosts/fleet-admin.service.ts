import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { ChangeNotices } from '@tollgate/platform/redis'
import { SecretBox } from '@tollgate/platform/secrets'
import { hintOf, type HeldModel, type HostRecord, type Region } from './domain/host-record'
import { FleetStore } from './fleet.store'

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
  readonly isEnabled?: boolean
  readonly isSandbox?: boolean
}

/** Hosts and regions, for operators. Whether an address may be used at all is judged before (apps/admin). */
@Injectable()
export class FleetAdminService {
  constructor(
    private readonly store: FleetStore,
    private readonly secrets: SecretBox,
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
      isEnabled: true,
      isSandbox: false,
      ...wanted,
      ...this.sealed(id, secret ?? null),
      id,
      isDraining: true,
      status: 'unknown',
      version: null,
      lastProbeAt: null,
      lastError: null,
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

  /** Changes a host and tells every process. An undefined secret stays as it is, null removes it. */
  async change(host: HostRecord, { secret, ...changes }: Partial<NewHost> & { isDraining?: boolean }): Promise<void> {
    const credential = secret === undefined ? {} : this.sealed(host.id, secret)
    await this.store.change(host.id, { ...changes, ...credential }).catch((error: unknown) => rethrow(error, changes.name ?? host.name))
    await this.notices.publish({ topic: 'hosts' })
  }

  async remove(host: HostRecord): Promise<void> {
    await this.store.remove(host.id)
    await this.notices.publish({ topic: 'hosts' })
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

  private sealed(id: string, secret: string | null): Pick<HostRecord, 'secret' | 'secretHint'> {
    return secret === null ? { secret: null, secretHint: null } : { secret: this.secrets.seal(secret, `host|${id}`), secretHint: hintOf(secret) }
  }
}

function rethrow(error: unknown, name: string): never {
  const constraint = violatedConstraint(error)
  if (constraint === 'host_name_key') throw new RefusalError(refuse('object_conflict', { object: 'Host', name }))
  if (constraint === 'host_region_fk') throw new RefusalError(refuse('invalid_request', { reason: 'region is not a region.' }, { details: { errors: [{ path: 'region', message: 'is not a region' }] } }))
  throw error
}
