import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { ChangeNotices } from '@tollgate/platform/redis'
import { HealthStore } from './health/health.store'
import { HostAsker } from './host-asker.service'
import { HostMemory } from './host-memory'
import { HostsService } from './hosts.service'

/**
 * When a call had its model loaded, the host is asked at once what it has in memory now, and every gateway is told: the
 * load may have pushed another model out, and two gateways that guess differently would have it swap for ever. Loads
 * are rare (each takes seconds), so this is no polling. What is lost is found by the next probe.
 */
@Injectable()
export class MemoryNews implements OnApplicationBootstrap {
  constructor(
    private readonly memory: HostMemory,
    private readonly hosts: HostsService,
    private readonly asker: HostAsker,
    private readonly store: HealthStore,
    private readonly notices: ChangeNotices,
  ) {}

  onApplicationBootstrap(): void {
    this.memory.onLoad((hostId) => void this.ask(hostId).catch(() => undefined))
  }

  private async ask(hostId: string): Promise<void> {
    const host = this.hosts.host(hostId)
    const models = host && (await this.asker.loadedAt(host))
    if (!models) return
    await this.store.noteMemory(hostId, this.memory.hear(hostId, models))
    await this.notices.publish({ topic: 'health', id: hostId })
  }
}
