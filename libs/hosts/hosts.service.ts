import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import { SecretBox } from '@tollgate/platform/secrets'
import { Snapshot } from '@tollgate/platform/snapshot'
import type { Candidate } from '@tollgate/routing'
import { afterCall, CLOSED, isPassable, type Circuit } from './domain/circuit'
import { takesCalls, type Deployment, type Host } from './domain/host'
import { HostStore, type Fleet } from './host.store'

interface FleetState {
  readonly hosts: ReadonlyMap<string, Host>
  readonly byModel: ReadonlyMap<string, readonly { host: Host; deployment: Deployment }[]>
  readonly regions: readonly string[]
  readonly distances: ReadonlyMap<string, number>
  readonly secrets: ReadonlyMap<string, string>
}

const UNKNOWN_DISTANCE_MS = 10_000

/** The fleet, from memory: which hosts may serve a model, how far they are, how they fare. */
@Injectable()
export class HostsService {
  private readonly snapshot: Snapshot<FleetState>
  private readonly circuits = new Map<string, Circuit>()
  private readonly inFlight = new Map<string, number>()

  constructor(
    private readonly store: HostStore,
    private readonly secrets: SecretBox,
    @Inject(CLOCK) private readonly clock: Clock,
    notices: ChangeNotices,
  ) {
    this.snapshot = new Snapshot(async () => this.index(await this.store.fleet()))
    notices.listen((notice) => notice.topic === 'hosts' && this.snapshot.refreshQuietly())
  }

  /** Loads the fleet; called at boot, by a timer, and before a model is called missing. */
  async refresh(): Promise<void> {
    await this.snapshot.refresh()
  }

  /** Deployments of a model on hosts that take calls, whatever their health. */
  candidates(model: string): Candidate[] {
    const nowMs = this.clock.now()
    return (this.snapshot.current().byModel.get(model) ?? []).map(({ host, deployment }) => ({
      hostId: host.id,
      hostName: host.name,
      region: host.region,
      provider: host.provider,
      model,
      upstreamModel: deployment.upstreamName,
      baseUrl: host.baseUrl,
      weight: host.weight,
      isSandbox: host.isSandbox,
      isHealthy: host.status !== 'unhealthy' && this.isPassable(host.id, nowMs) && this.isPassable(`${host.id} ${model}`, nowMs),
      inFlight: this.inFlight.get(host.id) ?? 0,
    }))
  }

  /** Milliseconds between regions; unknown pairs are far. */
  distanceMs(from: string, to: string): number {
    return this.snapshot.current().distances.get(`${from} ${to}`) ?? UNKNOWN_DISTANCE_MS
  }

  regions(): readonly string[] {
    return this.snapshot.current().regions
  }

  /** The credential of a host in plain text, or null. Only for the call to that very host. */
  secretOf(hostId: string): string | null {
    return this.snapshot.current().secrets.get(hostId) ?? null
  }

  /** Counts a call in flight there; the returned function ends it and tells how the target fared. */
  begin(candidate: Candidate): (outcome: 'ok' | 'host' | 'deployment' | 'nobody') => void {
    this.inFlight.set(candidate.hostId, (this.inFlight.get(candidate.hostId) ?? 0) + 1)
    return (outcome) => {
      this.inFlight.set(candidate.hostId, Math.max(0, (this.inFlight.get(candidate.hostId) ?? 1) - 1))
      const pair = `${candidate.hostId} ${candidate.model}`
      if (outcome === 'ok' || outcome === 'host') this.note(candidate.hostId, outcome === 'ok')
      if (outcome === 'ok' || outcome === 'deployment') this.note(pair, outcome === 'ok')
    }
  }

  private note(target: string, wasSuccess: boolean): void {
    const circuit = this.circuits.get(target)
    if (!circuit && wasSuccess) return
    const next = afterCall(circuit ?? CLOSED, wasSuccess, this.clock.now())
    if (next === CLOSED) this.circuits.delete(target)
    else this.circuits.set(target, next)
  }

  private isPassable(target: string, nowMs: number): boolean {
    const circuit = this.circuits.get(target)
    return !circuit || isPassable(circuit, nowMs)
  }

  private index(fleet: Fleet): FleetState {
    const hosts = new Map(fleet.hosts.map((host) => [host.id, host]))
    const byModel = new Map<string, { host: Host; deployment: Deployment }[]>()
    for (const deployment of fleet.deployments) {
      const host = hosts.get(deployment.hostId)
      if (!host || !takesCalls(host)) continue
      byModel.set(deployment.model, [...(byModel.get(deployment.model) ?? []), { host, deployment }])
    }
    const secrets = new Map(fleet.hosts.flatMap((host) => (host.secret ? [[host.id, this.secrets.open(host.secret, `host|${host.id}`)] as const] : [])))
    return { hosts, byModel, regions: fleet.regions, distances: new Map(fleet.distances.map((row) => [`${row.from} ${row.to}`, row.distanceMs])), secrets }
  }
}
