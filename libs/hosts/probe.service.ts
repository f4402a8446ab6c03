import { Injectable } from '@nestjs/common'
import { canonicalModel } from '@tollgate/kernel'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { Host, ProbeResult } from './domain/host'
import { HealthBoard } from './health/health-board.service'
import { LeaseStore } from './health/lease.store'
import { HostAsker } from './host-asker.service'
import { HostStore } from './host.store'

const AT_ONCE = 4

/** Probes hosts: asks, tells every process, and where the process may write, keeps what was found. */
@Injectable()
export class ProbeService {
  constructor(
    private readonly store: HostStore,
    private readonly asker: HostAsker,
    private readonly board: HealthBoard,
    private readonly leases: LeaseStore,
    private readonly notices: ChangeNotices,
  ) {}

  /** Probes one host because a person asked: a look, and what it saw is kept. */
  async probe(host: Host): Promise<ProbeResult> {
    const result = await this.look(host)
    await this.keep(host, result)
    return result
  }

  /** Asks a host, which may be as it is to be and not stored yet. Tells nobody. */
  async look(host: Host): Promise<ProbeResult> {
    return this.asker.look(host)
  }

  /**
   * Keeps what a look at a host saw: a circuit that is open closes when the host passed, however
   * long it would stay open. Every process is told when routing must change.
   */
  async keep(host: Host, result: ProbeResult): Promise<void> {
    await this.board.read([host.id]).catch(() => undefined)
    await this.note(host, result, this.board.open(host.id))
    await this.save(host, result)
  }

  /** Probes every enabled host; answers how each did and what it holds. A host somebody else is probing right now is left out. */
  async probeAll(): Promise<{ readonly host: Host; readonly result: ProbeResult }[]> {
    const { hosts } = await this.store.fleet()
    const enabled = hosts.filter((host) => host.isEnabled)
    await this.board.read(enabled.map((host) => host.id)).catch(() => undefined)
    return this.each(enabled, async (host) => {
      const result = await this.lookAt(host, this.board.due(host.id))
      await this.save(host, result)
      return { host, result }
    })
  }

  /** Half-open: tries those of these hosts whose circuits were open long enough. Saves nothing. */
  async tryDue(hosts: readonly Host[]): Promise<void> {
    await this.each(hosts.filter((host) => this.board.due(host.id).length > 0), (host) => this.lookAt(host, this.board.due(host.id)))
  }

  /** Asks these hosts now, a few at a time; one that is being probed already is not asked again. Saves nothing. */
  async check(hosts: readonly Host[]): Promise<void> {
    await this.each(hosts, (host) => this.lookAt(host, this.board.due(host.id)))
  }

  /** @see HostAsker.isOllamaAt */
  async isOllamaAt(baseUrl: string, timeoutMs: number): Promise<boolean> {
    return this.asker.isOllamaAt(baseUrl, timeoutMs)
  }

  /** Does the host answer without the credential it is called with? */
  async isOpenToAll(host: Host): Promise<boolean> {
    return this.asker.isOpenToAll(host)
  }

  private async lookAt(host: Host, tried: readonly string[]): Promise<ProbeResult> {
    const result = await this.asker.look(host)
    await this.note(host, result, tried)
    return result
  }

  /** @param tried models whose circuits this probe tries (`''` = the host's own) */
  private async note(host: Host, result: ProbeResult, tried: readonly string[]): Promise<void> {
    const holds = (model: string) => model === '' || result.models.some((found) => canonicalModel(found.upstreamName) === model)
    await this.board.noteProbe(host.id, result, new Map(tried.map((model) => [model, result.isReachable && holds(model)])))
  }

  private async save(host: Host, result: ProbeResult): Promise<void> {
    if (await this.store.saveProbe(host, result)) await this.notices.publish({ topic: 'hosts' })
  }

  /** A few at a time, and each host by one process of the cluster only. */
  private async each<T>(hosts: readonly Host[], work: (host: Host) => Promise<T>): Promise<T[]> {
    const results: T[] = []
    const queue = [...hosts]
    const lane = async (): Promise<void> => {
      for (let host = queue.shift(); host; host = queue.shift()) {
        const own = host
        const result = await this.leases.asOnlyOne(own.id, () => work(own))
        if (result !== null) results.push(result)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
    return results
  }
}
