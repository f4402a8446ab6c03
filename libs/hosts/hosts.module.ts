import { Module } from '@nestjs/common'
import { OutboundModule } from '@tollgate/platform/outbound'
import { FleetAdminService } from './fleet-admin.service'
import { FleetStore } from './fleet.store'
import { GenerationsService } from './generations.service'
import { HealthBoard } from './health/health-board.service'
import { HealthFoldStore } from './health/health-fold.store'
import { HealthStore } from './health/health.store'
import { LeaseStore } from './health/lease.store'
import { RosterStore } from './health/roster.store'
import { HealthTimer } from './health-timer'
import { HostAsker } from './host-asker.service'
import { HostGate } from './host-gate.service'
import { HostLoad } from './host-load'
import { HostRoom } from './host-room.service'
import { HostMemory } from './host-memory'
import { HostSecrets } from './host-secrets.service'
import { HostStore } from './host.store'
import { HostsService } from './hosts.service'
import { MemoryNews } from './memory-news.service'
import { QueueStore } from './queue/queue.store'
import { SharedLine } from './queue/shared-line.service'
import { ProbeService } from './probe.service'

/** The fleet for gateways and workers: routing, probes, health. */
@Module({
  imports: [OutboundModule],
  providers: [GenerationsService, HealthBoard, HealthFoldStore, HealthStore, HealthTimer, HostAsker, HostGate, HostLoad, HostMemory, HostRoom, HostSecrets, HostStore, HostsService, LeaseStore, MemoryNews, ProbeService, QueueStore, RosterStore, SharedLine],
  exports: [GenerationsService, HealthBoard, HealthFoldStore, HostGate, HostSecrets, HostsService, HostStore, LeaseStore, ProbeService],
})
export class HostsModule {}

/** The fleet for operators, on top. Needs the platform module with `HOST_TABLES`. */
@Module({ imports: [HostsModule], providers: [FleetStore, FleetAdminService], exports: [FleetAdminService, HostsModule] })
export class FleetAdminModule {}
