import { Module } from '@nestjs/common'
import { OutboundModule } from '@tollgate/platform/outbound'
import { CopiesService } from './copies.service'
import { CopiesStore } from './copies.store'
import { HostJobStore } from './host-job.store'
import { RolloutAdminService } from './rollout-admin.service'
import { WarmService } from './warm.service'
import { RolloutRunner } from './rollout-runner.service'

/** Queueing and reading, for the control plane: it calls no host. */
@Module({ providers: [CopiesService, CopiesStore, HostJobStore, RolloutAdminService], exports: [CopiesService, RolloutAdminService] })
export class RolloutAdminModule {}

/** Doing, for the worker. */
@Module({ imports: [OutboundModule], providers: [CopiesService, CopiesStore, HostJobStore, RolloutRunner, WarmService], exports: [CopiesService, RolloutRunner, WarmService] })
export class RolloutRunnerModule {}
