import { Injectable } from '@nestjs/common'
import { AccessService } from '@tollgate/chat'
import { HostsService, ProbeService, type Host } from '@tollgate/hosts'
import { HealthBoard } from '@tollgate/hosts/health'
import type { Caller } from '@tollgate/kernel'
import type { HostOfProvider } from './providers.wire'

/** A host asked this recently is not asked again, whoever wants to know. */
const FRESH_MS = 2_000

/** Which providers a caller may be served by, in its own regions, and how they fare. */
@Injectable()
export class ProviderViews {
  constructor(
    private readonly access: AccessService,
    private readonly hosts: HostsService,
    private readonly board: HealthBoard,
    private readonly probes: ProbeService,
  ) {}

  /** By provider, from what is known; asks nobody. */
  of(caller: Caller): Map<string, HostOfProvider[]> {
    const models = this.access.available(caller).map(({ name }) => name)
    const providers = new Map<string, HostOfProvider[]>()
    for (const host of this.hostsOf(caller)) {
      const held = models.filter((model) => this.hosts.candidates(model).some(({ hostId }) => hostId === host.id))
      const entry = { host, status: this.board.statusOf(host), lastCheck: this.board.lastProbe(host.id), view: this.board.view(host.id), models: held }
      providers.set(host.provider, [...(providers.get(host.provider) ?? []), entry])
    }
    return new Map([...providers].sort(([a], [b]) => a.localeCompare(b)))
  }

  /** Asks the caller's hosts now, a few at a time. */
  async check(caller: Caller, nowMs: number): Promise<void> {
    await this.probes.check(this.hostsOf(caller).filter((host) => nowMs - (this.board.lastProbe(host.id)?.atMs ?? 0) >= FRESH_MS))
  }

  private hostsOf(caller: Caller): Host[] {
    const regions = this.access.regionsOf(caller)
    return this.hosts.hosts().filter((host) => host.isEnabled && !host.isDraining && regions.includes(host.region))
  }
}
