import { Inject, Injectable, Module, type DynamicModule, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common'
import { CatalogModule } from '@tollgate/catalog'
import { ConversationUpkeep, ConversationUpkeepModule } from '@tollgate/conversations'
import { HostsModule } from '@tollgate/hosts'
import { ExpiredKeysModule, ExpiredKeyStore } from '@tollgate/idempotency'
import { LimitsModule, OutboxStore, ReconcileService } from '@tollgate/limits'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER, PlatformModule } from '@tollgate/platform/process'
import { ProofModule } from '@tollgate/proof'
import { RolloutRunnerModule } from '@tollgate/rollouts'
import { TraceStore, TraceUpkeepModule } from '@tollgate/selection/traces'
import { TotalsStore, UsageModule } from '@tollgate/usage'
import { GenerationsModule } from '@tollgate/usage/generations'
import { WebhookDeliveryModule } from '@tollgate/webhooks'
import { AskGenerationsJob } from './jobs/ask-generations.job'
import { KeepCopiesJob } from './jobs/keep-copies.job'
import { KeepWarmJob } from './jobs/keep-warm.job'
import { PartitionsJob } from './jobs/partitions.job'
import { ProbeHostsJob } from './jobs/probe-hosts.job'
import { RewrapSecretsJob } from './jobs/rewrap-secrets.job'
import { RolloutsJob } from './jobs/rollouts.job'
import { SealLedgerJob } from './jobs/seal-ledger.job'
import { SettleOutboxJob } from './jobs/settle-outbox.job'
import { WebhooksJob } from './jobs/webhooks.job'
import { WorkerLoop } from './worker-loop'

/** How long claims gather between batches: the lag of settlement at rest. */
const GATHER_MS = 200
const SWEEP_MS = 1_000
/** How long a ledger row waits to be sealed at most, while the worker keeps up. */
const SEAL_MS = 1_000
/** A cost is asked for five seconds after its call at the earliest. */
const GENERATIONS_MS = 2_000
const TAKE_OVER_MS = 10_000
const RECONCILE_MS = 10_000
const FORGET_KEYS_MS = 60_000
/** Bookings leave a row each for reports to add up until then. */
const MERGE_TOTALS_MS = 10_000
/** Well within the prober's lease of five seconds. */
const STAND_MS = 1_500
const FOLD_HEALTH_MS = 60_000
const PARTITIONS_MS = 6 * 3_600_000
/** How long after a budget's threshold was passed it is noticed. */
const WATCH_MS = 2_000
const DELIVER_MS = 1_000
const REWRAP_MS = 60_000
const ROLLOUTS_MS = 1_000
const COPIES_MS = 2_000
/** Hosts that this worker has at work at once. */
const ROLLOUT_LANES = 4

/** The jobs that make usage durable and proven, bundled so that the schedule reads as a table. */
@Injectable()
class SettlementJobs {
  constructor(
    readonly settleOutbox: SettleOutboxJob,
    readonly outbox: OutboxStore,
    readonly reconcile: ReconcileService,
    readonly sealLedger: SealLedgerJob,
    readonly askGenerations: AskGenerationsJob,
  ) {}
}

/** The jobs that go out to hosts. */
@Injectable()
class FleetJobs {
  constructor(
    readonly probeHosts: ProbeHostsJob,
    readonly rollouts: RolloutsJob,
    readonly keepCopies: KeepCopiesJob,
    readonly keepWarm: KeepWarmJob,
    readonly rewrapSecrets: RewrapSecretsJob,
  ) {}
}

/** The jobs that forget what is over. */
@Injectable()
class ForgettingJobs {
  constructor(
    readonly keys: ExpiredKeyStore,
    readonly conversations: ConversationUpkeep,
    readonly traces: TraceStore,
  ) {}
}

/** All other jobs. */
@Injectable()
class UpkeepJobs {
  constructor(
    readonly partitions: PartitionsJob,
    readonly webhooks: WebhooksJob,
    readonly totals: TotalsStore,
    readonly forgetting: ForgettingJobs,
  ) {}
}

/** Runs the jobs on their clocks. Every job may run in several workers at once: scripts and SQL are idempotent. */
@Injectable()
export class WorkerSchedule implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: WorkerLoop

  constructor(
    private readonly settlement: SettlementJobs,
    private readonly fleet: FleetJobs,
    private readonly upkeep: UpkeepJobs,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(LOGGER) logger: ProcessLogger,
  ) {
    this.loop = new WorkerLoop((job, error) => logger.warn({ job, reason: error.message }, 'job failed; it will run again'))
  }

  async onApplicationBootstrap(): Promise<void> {
    const { settleOutbox, outbox, reconcile, sealLedger, askGenerations } = this.settlement
    const { probeHosts, rollouts, keepCopies, keepWarm, rewrapSecrets } = this.fleet
    const { partitions, webhooks, totals, forgetting } = this.upkeep
    await outbox.ensureGroups()
    const holdMs = this.config.TOLLGATE_TOTAL_TIMEOUT_MS
    this.loop.repeat('settle-outbox', GATHER_MS, () => settleOutbox.run(), () => outbox.ensureGroups())
    this.loop.repeat('take-over-outbox', TAKE_OVER_MS, () => settleOutbox.takeOver())
    this.loop.repeat('reconcile-budgets', RECONCILE_MS, () => reconcile.run(), async () => reconcile.forget())
    this.loop.repeat('sweep-reservations', SWEEP_MS, () => outbox.sweep(holdMs))
    this.loop.repeat('seal-ledger', SEAL_MS, () => sealLedger.run())
    this.loop.repeat('ask-generations', GENERATIONS_MS, () => askGenerations.run())
    this.loop.repeat('stand-for-prober', STAND_MS, () => probeHosts.stand())
    if (this.config.OLLAMA_AUTO_HEALTH_CHECK) this.loop.repeat('probe-hosts', this.config.OLLAMA_HEALTH_CHECK_INTERVAL ?? this.config.TOLLGATE_PROBE_INTERVAL_MS, () => probeHosts.run())
    this.loop.repeat('fold-health', FOLD_HEALTH_MS, () => probeHosts.fold())
    this.loop.repeat('forget-keys', FORGET_KEYS_MS, () => forgetting.keys.purge())
    this.loop.repeat('forget-conversations', FORGET_KEYS_MS, () => forgetting.conversations.purge())
    this.loop.repeat('forget-traces', FORGET_KEYS_MS, () => forgetting.traces.purge())
    this.loop.repeat('merge-totals', MERGE_TOTALS_MS, () => totals.merge())
    this.loop.repeat('watch-budgets', WATCH_MS, () => webhooks.watch())
    this.loop.repeat('deliver-webhooks', DELIVER_MS, () => webhooks.deliver())
    this.loop.repeat('forget-deliveries', PARTITIONS_MS, () => webhooks.purge())
    for (let lane = 1; lane <= ROLLOUT_LANES; lane++) this.loop.repeat(`rollouts-${lane}`, ROLLOUTS_MS, () => rollouts.run())
    this.loop.repeat('keep-copies', COPIES_MS, () => keepCopies.run())
    this.loop.repeat('keep-warm', this.config.OLLAMA_HEALTH_CHECK_INTERVAL ?? this.config.TOLLGATE_PROBE_INTERVAL_MS, () => keepWarm.run())
    this.loop.repeat('rewrap-secrets', REWRAP_MS, () => rewrapSecrets.run())
    this.loop.repeat('partitions', PARTITIONS_MS, () => partitions.run())
  }

  async onModuleDestroy(): Promise<void> {
    this.fleet.rollouts.stop()
    await this.loop.stop()
    await this.fleet.probeHosts.resign()
  }
}

/** Timers and no HTTP: settlement, sweeps, probes, partitions, webhooks. */
@Module({})
export class WorkerModule {
  static register(config: ClusterConfig): DynamicModule {
    return {
      module: WorkerModule,
      imports: [PlatformModule.register(config, 'tg_worker'), CatalogModule, ConversationUpkeepModule, ExpiredKeysModule, GenerationsModule, HostsModule, LimitsModule, ProofModule, RolloutRunnerModule, TraceUpkeepModule, UsageModule, WebhookDeliveryModule],
      providers: [AskGenerationsJob, SettleOutboxJob, ProbeHostsJob, KeepCopiesJob, KeepWarmJob, PartitionsJob, RewrapSecretsJob, RolloutsJob, SealLedgerJob, WebhooksJob, SettlementJobs, FleetJobs, ForgettingJobs, UpkeepJobs, WorkerSchedule],
    }
  }
}
