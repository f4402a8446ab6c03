import { Inject, Injectable } from '@nestjs/common'
import { FleetAdminService, type HostRecord } from '@tollgate/hosts'
import { refuse, RefusalError } from '@tollgate/kernel'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { addressPolicyOf, checkBaseUrl } from '@tollgate/platform/outbound'
import { ProvidersService } from '@tollgate/providers'
import { HostDiscovery, type Discovery } from './host-discovery'
import { invalid } from './invalid'

/** A host as operators ask for it; `drain` true keeps it from serving even when its probe passes. */
export type WantedHost = Parameters<FleetAdminService['createHost']>[0] & { readonly drain?: boolean }

/** What may be changed of a host. Its name and provider are part of what usage is booked under. */
export type HostChanges = Partial<Omit<WantedHost, 'name' | 'provider'>>

/** A host after a change, with what its probe led to (null = none was needed). */
export interface HostOutcome {
  readonly host: HostRecord
  readonly discovery: Discovery | null
}

/** Adding and changing hosts, walked from room to room: address policy, fleet, discovery. */
@Injectable()
export class HostAdminService {
  constructor(
    private readonly fleet: FleetAdminService,
    private readonly discovery: HostDiscovery,
    private readonly providers: ProvidersService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  /** After it returns, a reachable host serves its region's tenants; an unreachable one is kept in drain. @throws RefusalError host_refused, object_conflict, invalid_request */
  async add({ drain, ...wanted }: WantedHost): Promise<HostOutcome> {
    if (!this.providers.known.has(wanted.provider)) throw invalid({ path: 'provider', message: `must be one of ${[...this.providers.known].sort().join(', ')}` })
    this.demandAddress(wanted.name, wanted.baseUrl)
    const host = await this.fleet.createHost(wanted)
    const discovery = await this.discovery.discover(host, (hasPassed) => this.serveIf(host, hasPassed && drain !== true))
    return { host: await this.fleet.get(host.name), discovery }
  }

  /**
   * A new address or secret, and an end of drain, count only after a probe has passed. Until then a serving host serves on
   * as it was, and one whose new address does not answer is not changed at all, unless it is to be in drain.
   */
  async change(name: string, { drain, ...changes }: HostChanges): Promise<HostOutcome> {
    const host = await this.fleet.get(name)
    const isMoved = changes.baseUrl !== undefined && changes.baseUrl !== host.baseUrl
    if (isMoved) this.demandAddress(name, changes.baseUrl!)
    // Otherwise whoever may change an address could have the stored secret sent to one of their own.
    if (isMoved && host.secret && changes.secret === undefined) throw invalid({ path: 'secret', message: 'must be given again, or null, when base_url changes' })
    const shouldServe = drain === undefined ? !host.isDraining : !drain
    const isOther = isMoved || changes.secret !== undefined
    if (!isOther && !(shouldServe && host.isDraining)) {
      await this.fleet.change(host, { ...changes, isDraining: !shouldServe })
      return { host: await this.fleet.get(name), discovery: null }
    }
    const discovery = await this.discovery.discover(this.fleet.prospect(host, changes), async (hasPassed) => {
      if (!hasPassed && isOther && shouldServe && !host.isDraining) throw unanswered(name)
      await this.fleet.change(host, { ...changes, isDraining: !(hasPassed && shouldServe) })
      return hasPassed && shouldServe
    })
    return { host: await this.fleet.get(name), discovery }
  }

  /** Probes now. A host that never passed a probe serves from its first one. */
  async probe(name: string): Promise<HostOutcome> {
    const host = await this.fleet.get(name)
    const isFirst = host.status !== 'healthy' && (await this.fleet.held([host])).get(host.id)!.length === 0
    const discovery = await this.discovery.discover(host, (hasPassed) => this.serveIf(host, hasPassed && (isFirst || !host.isDraining)))
    return { host: await this.fleet.get(name), discovery }
  }

  private async serveIf(host: HostRecord, shouldServe: boolean): Promise<boolean> {
    if (shouldServe) await this.discovery.startServing(host)
    return shouldServe
  }

  /** Why an address may not be called; null = it may. */
  addressProblem(baseUrl: string): string | null {
    const verdict = checkBaseUrl(baseUrl, addressPolicyOf(this.config))
    return verdict.ok ? null : verdict.reason
  }

  private demandAddress(name: string, baseUrl: string): void {
    const reason = this.addressProblem(baseUrl)
    if (reason !== null) throw new RefusalError(refuse('host_refused', { name, reason }, { details: { errors: [{ path: 'base_url', message: reason }] } }))
  }
}

function unanswered(name: string): RefusalError {
  const reason = 'it does not pass its probe as it is to be, so it was left as it is. Mend the address or secret, or send drain: true as well.'
  return new RefusalError(refuse('host_refused', { name, reason }, { details: { errors: [{ path: 'base_url', message: reason }] } }))
}
