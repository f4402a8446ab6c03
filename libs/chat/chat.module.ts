import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common'
import { CatalogModule } from '@tollgate/catalog'
import { ConversationsModule } from '@tollgate/conversations'
import { HostsModule } from '@tollgate/hosts'
import { LimitsModule } from '@tollgate/limits'
import { McpModule } from '@tollgate/mcp'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { Metrics } from '@tollgate/platform/metrics'
import { ProvidersModule } from '@tollgate/providers'
import { SelectionModule } from '@tollgate/selection'
import { TenantsModule } from '@tollgate/tenants'
import { TiersModule, TiersService } from '@tollgate/tiers'
import { UsageModule } from '@tollgate/usage'
import { AccessService } from './access.service'
import { AttemptsService } from './attempts.service'
import { ChatService } from './chat.service'
import { CheckpointService } from './checkpoint.service'
import { ChoicesService } from './choices.service'
import { ConsensusService } from './consensus.service'
import { ContextService } from './context.service'
import { CorridorRooms } from './corridor-rooms'
import { SettlementService } from './settlement.service'
import { SmartService } from './smart.service'
import { SwitchService } from './switch.service'
import { TalkService } from './talk.service'
import { ToolsService } from './tools.service'
import { UpstreamWatch } from './upstream-watch.service'

const RING_MS = 1_000
const SNAPSHOT_MS = 5_000

/** What the timers need of the process. */
@Injectable()
class CorridorUpkeep {
  constructor(
    @Inject(CONFIG) private readonly config: ClusterConfig,
    private readonly metrics: Metrics,
  ) {}

  get checkpointMs(): number {
    return this.config.TOLLGATE_CHECKPOINT_MS
  }

  get drainMs(): number {
    return this.config.TOLLGATE_DRAIN_TIMEOUT_MS
  }

  publish(running: number, { unconfirmed, oldestUnconfirmedSeconds }: SettlementService, drifted: number): void {
    this.metrics.gauge('tollgate_models_drifted', 'Models whose hosts hold different weights, or others than they are pinned to', drifted)
    this.metrics.gauge('tollgate_running_calls', 'Calls in flight in this process', running)
    this.metrics.gauge('tollgate_settlement_ring', 'Final claims not yet confirmed', unconfirmed)
    this.metrics.gauge('tollgate_settlement_ring_oldest_seconds', 'Age of the oldest final claim not yet confirmed', oldestUnconfirmedSeconds)
  }
}

/** Loads the snapshots before the first request, and keeps the corridor's clocks ticking. */
@Injectable()
class CorridorTimers implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private readonly timers: NodeJS.Timeout[] = []

  constructor(
    private readonly rooms: CorridorRooms,
    private readonly tiers: TiersService,
    private readonly checkpoints: CheckpointService,
    private readonly settlement: SettlementService,
    private readonly upkeep: CorridorUpkeep,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const [graceMs] = await Promise.all([this.rooms.limits.markBuckets(), this.rooms.catalog.refresh(), this.rooms.hosts.refresh(), this.rooms.rules.refresh(), this.tiers.refresh()])
    // A Redis without memory: listening later is kinder than answering 503.
    if (graceMs > 0) await new Promise((resolve) => setTimeout(resolve, graceMs))
    await this.settlement.recover()
    this.every(this.upkeep.checkpointMs, () => this.checkpoints.tick(this.settlement.alone))
    this.every(RING_MS, async () => {
      await Promise.all([this.settlement.tendRing(), this.rooms.limits.releaseDoubtful().catch(() => undefined), this.rooms.traces.flush().catch(() => undefined)])
      this.upkeep.publish(this.checkpoints.running, this.settlement, this.rooms.catalog.drifts().length)
    })
    this.every(SNAPSHOT_MS, () => Promise.all([this.rooms.catalog.refresh(), this.rooms.hosts.refresh(), this.rooms.rules.refresh(), this.tiers.refresh()]))
  }

  /** Streams may run on while the listener drains, but not past the limit. */
  onModuleDestroy(): void {
    const deadline = setTimeout(() => this.checkpoints.stopAll(), this.upkeep.drainMs)
    deadline.unref()
    this.timers.push(deadline)
  }

  async onApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer)
    await this.rooms.traces.flush().catch(() => undefined)
  }

  private every(ms: number, work: () => Promise<unknown>): void {
    const timer = setInterval(() => void work().catch(() => undefined), ms)
    timer.unref()
    this.timers.push(timer)
  }
}

@Module({
  imports: [CatalogModule, ConversationsModule, HostsModule, LimitsModule, McpModule, ProvidersModule, SelectionModule, TenantsModule, TiersModule, UsageModule],
  providers: [AccessService, AttemptsService, ChoicesService, ChatService, CheckpointService, ConsensusService, ContextService, CorridorRooms, CorridorTimers, CorridorUpkeep, SettlementService, SmartService, SwitchService, TalkService, ToolsService, UpstreamWatch],
  exports: [AccessService, ChatService, SwitchService, TalkService, ConsensusService, ToolsService, McpModule, CatalogModule, ConversationsModule, HostsModule, LimitsModule, SelectionModule, TenantsModule, TiersModule, UsageModule],
})
export class ChatModule {}
