import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common'
import { HealthBoard } from './health/health-board.service'
import { RosterStore } from './health/roster.store'
import { HostLoad } from './host-load'
import { HostsService } from './hosts.service'
import { ProbeService } from './probe.service'

const SYNC_MS = 1_000

/** Keeps this process's view of the fleet's health a second old at most, and tries circuits that were open long enough. */
@Injectable()
export class HealthTimer implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined
  private running: Promise<void> | null = null

  constructor(
    private readonly hosts: HostsService,
    private readonly board: HealthBoard,
    private readonly probes: ProbeService,
    private readonly load: HostLoad,
    private readonly roster: RosterStore,
  ) {
    load.onCome(() => this.tellOthers())
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.tick(), SYNC_MS)
    this.timer.unref()
  }

  /** What the last second's calls told is still sent. */
  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer)
    await this.running
    await this.board.sync([]).catch(() => undefined)
    await this.roster.leave()
  }

  private async tick(): Promise<void> {
    if (this.running) return
    this.running = this.round().catch(() => undefined)
    await this.running
    this.running = null
  }

  private async round(): Promise<void> {
    const hosts = this.hosts.hosts()
    // Without a word from the others the division of slots stays as it was.
    this.load.age()
    await this.tellOthers().catch(() => undefined)
    await this.board.sync(hosts.map((host) => host.id)).catch(() => undefined)
    await this.probes.tryDue(hosts.filter((host) => host.isEnabled))
  }

  private async tellOthers(): Promise<void> {
    this.load.hear(await this.roster.exchange(this.load.word()))
  }
}
