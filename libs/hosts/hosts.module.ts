import { Module } from '@nestjs/common'
import { OutboundModule } from '@tollgate/platform/outbound'
import { FleetAdminService } from './fleet-admin.service'
import { FleetStore } from './fleet.store'
import { HostStore } from './host.store'
import { HostsService } from './hosts.service'
import { ProbeService } from './probe.service'

/** The fleet for gateways and workers: routing, probes. */
@Module({ imports: [OutboundModule], providers: [HostStore, HostsService, ProbeService], exports: [HostsService, ProbeService, HostStore] })
export class HostsModule {}

/** The fleet for operators, on top. Needs the platform module with `HOST_TABLES`. */
@Module({ imports: [HostsModule], providers: [FleetStore, FleetAdminService], exports: [FleetAdminService, HostsModule] })
export class FleetAdminModule {}
