import { Injectable } from '@nestjs/common'
import type { Pico } from '@tollgate/kernel'
import { ChangeNotices } from '@tollgate/platform/redis'
import { Snapshot } from '@tollgate/platform/snapshot'
import { hostShareCost } from '@tollgate/pricing'
import type { Candidate } from '@tollgate/routing'
import { judgePool, WELL, type PoolMember, type PoolVerdict } from './domain/ejection'
import { takesCalls, type Deployment, type Host } from './domain/host'
import { roomOf } from './domain/slots'
import { isOpen, openedByMs } from './domain/target-health'
import { HealthBoard } from './health/health-board.service'
import { HostLoad } from './host-load'
import { HostSecrets } from './host-secrets.service'
import { HostStore, type Fleet } from './host.store'

interface FleetState {
  readonly hosts: ReadonlyMap<string, Host>
  readonly byModel: ReadonlyMap<string, readonly { host: Host; deployment: Deployment }[]>
  readonly regions: readonly string[]
  readonly distances: ReadonlyMap<string, number>
}

const UNKNOWN_DISTANCE_MS = 10_000
/** Loads come every few seconds, and with every change an operator makes. */
const DEPARTED_LOADS = 4

/** The fleet, from memory: which hosts may serve a model, how far they are, how they fare. */
@Injectable()
export class HostsService {
  private readonly snapshot: Snapshot<FleetState>
  /** Hosts that were removed, for calls admitted just before, with how often the fleet was loaded since. */
  private readonly departed = new Map<string, { readonly host: Host; readonly loads: number }>()

  constructor(
    private readonly store: HostStore,
    private readonly secrets: HostSecrets,
    private readonly board: HealthBoard,
    private readonly load: HostLoad,
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
    const verdict = this.verdict(model)
    // Written out: spread, the objects of a large fleet would cost more than all else that a call is.
    return (this.snapshot.current().byModel.get(model) ?? []).map(({ host, deployment }) => {
      const { isHealthy, isOpen, isLetIn } = this.healthOf(host, model, verdict)
      const { waitMs, loadMs, displaces, loadedModels } = this.startOf(host, model, deployment.upstreamName)
      return {
        hostId: host.id,
        hostName: host.name,
        region: host.region,
        provider: host.provider,
        model,
        upstreamModel: deployment.upstreamName,
        digest: deployment.digest,
        baseUrl: host.baseUrl,
        weight: host.weight,
        isSandbox: host.isSandbox,
        isHealthy,
        isOpen,
        isLetIn,
        inFlight: this.load.at(host.id),
        waitMs,
        loadMs,
        displaces,
        loadedModels,
      }
    })
  }

  /** Milliseconds between regions; unknown pairs are far. */
  distanceMs(from: string, to: string): number {
    return this.snapshot.current().distances.get(`${from} ${to}`) ?? UNKNOWN_DISTANCE_MS
  }

  regions(): readonly string[] {
    return this.snapshot.current().regions
  }

  /** The credential of a host in plain text, or null. Only for the call to that very host: it is opened for it and kept nowhere. */
  secretOf(hostId: string): string | null {
    const host = this.host(hostId)
    return host ? this.secrets.open(host) : null
  }

  /** What an attempt of so many ms costs the operator there, in pico; null where the host has no cost per hour. */
  shareOfCost(hostId: string, durationMs: number): Pico | null {
    const host = this.snapshot.current().hosts.get(hostId)
    return host?.costPerHourPico == null ? null : hostShareCost(durationMs, host.costPerHourPico, host.maxParallel)
  }

  /** A host of the snapshot, or one that left it a moment ago. */
  host(hostId: string): Host | undefined {
    return this.snapshot.current().hosts.get(hostId) ?? this.departed.get(hostId)?.host
  }

  /**
   * The target as it is now: an operator may have moved its host since the call was planned, its model come into memory. Null when the host takes no
   * calls any more, or is in another region than the one the call may go to.
   */
  present(candidate: Candidate): Candidate | null {
    const host = this.snapshot.current().hosts.get(candidate.hostId)
    if (!host || !takesCalls(host) || host.region !== candidate.region) return null
    return { ...candidate, baseUrl: host.baseUrl, ...this.startOf(host, candidate.model, candidate.upstreamModel) }
  }

  /** May a call that was planned before still go there? A drained or removed host serves what was admitted; a disabled one nothing. */
  isLeaving({ hostId, baseUrl, region }: Candidate): boolean {
    const host = this.host(hostId)
    return host !== undefined && host.isEnabled && host.baseUrl === baseUrl && host.region === region
  }

  /** Every host of the snapshot, for views and probes; empty before the first load. */
  hosts(): readonly Host[] {
    return this.snapshot.isLoaded ? [...this.snapshot.current().hosts.values()] : []
  }

  /** What is done about open circuits among all hosts of a model that take calls. */
  verdict(model: string): PoolVerdict {
    return this.board.isAllClosed ? WELL : judgePool((this.snapshot.current().byModel.get(model) ?? []).map(({ host }) => this.memberOf(host, model)))
  }

  private memberOf(host: Host, model: string): PoolMember {
    const [whole, part] = [this.board.healthOf(host.id), this.board.healthOf(host.id, model)]
    const openUntilMs = Math.max(whole.openUntilMs, part.openUntilMs)
    // That a host answers a probe says nothing of a model it cannot load.
    const isAlive = openUntilMs === 0 ? this.isUp(host) : isOpen(whole) && this.isUp(host) && (this.board.lastProbe(host.id)?.atMs ?? 0) > openedByMs(whole)
    return { hostId: host.id, openUntilMs, isAlive }
  }

  private isUp(host: Host): boolean {
    return this.board.lastProbe(host.id)?.isReachable ?? host.status !== 'unhealthy'
  }

  /** What probes and calls say: flagged targets are tried last, open ones only when little else is left. Of a doubted pool only probes count. */
  private healthOf(host: Host, model: string, { letIn, share }: PoolVerdict): Pick<Candidate, 'isHealthy' | 'isOpen' | 'isLetIn'> {
    const [whole, part] = [this.board.standing(host.id), this.board.standing(host.id, model)]
    const open = whole.isOpen || part.isOpen
    const isLetIn = letIn.has(host.id)
    const isWell = share < 1 ? !open || isLetIn : !open && !whole.isFlagged && !part.isFlagged
    return { isHealthy: this.isUp(host) && isWell, isOpen: open, isLetIn }
  }

  /** What a call to a model would wait for there. Only Ollama hosts load models and are given no more calls than they work on. */
  private startOf(host: Host, model: string, upstreamName: string): Pick<Candidate, 'waitMs' | 'loadMs' | 'displaces' | 'loadedModels'> {
    if (host.provider !== 'ollama') return { waitMs: 0, loadMs: 0, displaces: false, loadedModels: 0 }
    const { count, rank } = this.load.users(host.id)
    const { most } = roomOf(host, 1, count, rank)
    const waitMs = this.load.ownAt(host.id, model) < most ? 0 : ((this.load.memory.callTimeMs(host.id, model) ?? 0) * (1 + this.load.waitingFor(model))) / most
    return { waitMs, ...this.load.memory.warmth(host.id, upstreamName) }
  }

  private noteDeparted(hosts: ReadonlyMap<string, Host>): void {
    for (const [id, { host, loads }] of this.departed) {
      if (hosts.has(id) || loads >= DEPARTED_LOADS) this.departed.delete(id)
      else this.departed.set(id, { host, loads: loads + 1 })
    }
    for (const host of this.hosts()) if (!hosts.has(host.id) && !this.departed.has(host.id)) this.departed.set(host.id, { host, loads: 1 })
  }

  private index(fleet: Fleet): FleetState {
    const hosts = new Map(fleet.hosts.map((host) => [host.id, host]))
    this.noteDeparted(hosts)
    const byModel = new Map<string, { host: Host; deployment: Deployment }[]>()
    const callable = new Map(fleet.hosts.filter((host) => takesCalls(host) && this.secrets.isReadable(host)).map((host) => [host.id, host]))
    for (const deployment of fleet.deployments) {
      const host = callable.get(deployment.hostId)
      if (!host) continue
      byModel.set(deployment.model, [...(byModel.get(deployment.model) ?? []), { host, deployment }])
    }
    return { hosts, byModel, regions: fleet.regions, distances: new Map(fleet.distances.map((row) => [`${row.from} ${row.to}`, row.distanceMs])) }
  }
}
