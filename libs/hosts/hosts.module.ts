import { Module } from '@nestjs/common'
import { OutboundModule } from '@tollgate/platform/outbound'
import { HostStore } from './host.store'
import { HostsService } from './hosts.service'
import { ProbeService } from './probe.service'

@Module({ imports: [OutboundModule], providers: [HostStore, HostsService, ProbeService], exports: [HostsService, ProbeService, HostStore] })
export class HostsModule {}
