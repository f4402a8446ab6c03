import { Inject, Injectable, Module, type DynamicModule, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common'
import { CatalogModule } from '@tollgate/catalog'
import { HostsModule } from '@tollgate/hosts'
import { LimitsModule, OutboxStore } from '@tollgate/limits'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER, PlatformModule } from '@tollgate/platform/process'
import { UsageModule } from '@tollgate/usage'
import { PartitionsJob } from './jobs/partitions.job'
import { ProbeHostsJob } from './jobs/probe-hosts.job'
import { SettleOutboxJob } from './jobs/settle-outbox.job'
import { WorkerLoop } from './worker-loop'

/** How long claims gather between batches: the lag of settlement at rest. */
const GATHER_MS = 200
const SWEEP_MS = 1_000
const TAKE_OVER_MS = 10_000
const PARTITIONS_MS = 6 * 3_600_000

/** The jobs of a worker, bundled so that the schedule reads as a table. */
@Injectable()
export class Jobs {
  constructor(
    readonly settleOutbox: SettleOutboxJob,
    readonly probeHosts: ProbeHostsJob,
    readonly partitions: PartitionsJob,
    readonly outbox: OutboxStore,
  ) {}
}

/** Runs the jobs on their clocks. Every job may run in several workers at once: scripts and SQL are idempotent. */
@Injectable()
export class WorkerSchedule implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: WorkerLoop

  constructor(
    private readonly jobs: Jobs,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(LOGGER) logger: ProcessLogger,
  ) {
    this.loop = new WorkerLoop((job, error) => logger.warn({ job, reason: error.message }, 'job failed; it will run again'))
  }

  async onApplicationBootstrap(): Promise<void> {
    const { settleOutbox, probeHosts, partitions, outbox } = this.jobs
    await outbox.ensureGroups()
    const holdMs = this.config.TOLLGATE_TOTAL_TIMEOUT_MS
    this.loop.repeat('settle-outbox', GATHER_MS, () => settleOutbox.run(), () => outbox.ensureGroups())
    this.loop.repeat('take-over-outbox', TAKE_OVER_MS, () => settleOutbox.takeOver())
    this.loop.repeat('sweep-reservations', SWEEP_MS, () => outbox.sweep(holdMs))
    if (this.config.OLLAMA_AUTO_HEALTH_CHECK) this.loop.repeat('probe-hosts', this.config.OLLAMA_HEALTH_CHECK_INTERVAL ?? this.config.TOLLGATE_PROBE_INTERVAL_MS, () => probeHosts.run())
    this.loop.repeat('partitions', PARTITIONS_MS, () => partitions.run())
  }

  async onModuleDestroy(): Promise<void> {
    await this.loop.stop()
  }
}

/** Timers and no HTTP: settlement, sweeps, probes, partitions. */
@Module({})
export class WorkerModule {
  static register(config: ClusterConfig): DynamicModule {
    return {
      module: WorkerModule,
      imports: [PlatformModule.register(config, 'tg_worker'), CatalogModule, HostsModule, LimitsModule, UsageModule],
      providers: [SettleOutboxJob, ProbeHostsJob, PartitionsJob, Jobs, WorkerSchedule],
    }
  }
}
