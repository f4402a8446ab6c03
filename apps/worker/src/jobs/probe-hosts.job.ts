import { Inject, Injectable } from '@nestjs/common'
import { CatalogService } from '@tollgate/catalog'
import { ProbeService, type Host } from '@tollgate/hosts'
import { HealthFoldStore, LeaseStore } from '@tollgate/hosts/health'
import { canonicalModel } from '@tollgate/kernel'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'

/**
 * Asks every host how it is and what it holds; new models enter the catalogue without a restart. Of all workers the one
 * that holds the prober's lease does so; another takes over within five seconds of its death.
 */
@Injectable()
export class ProbeHostsJob {
  private isProber = false
  private toldDrifts = '[]'
  /** Why a host did not pass, as the log has it, by host. */
  private readonly toldErrors = new Map<string, string>()
  /** Models that a host forwards to a cloud, as the log has them, by host. */
  private readonly toldForwarded = new Map<string, string>()

  constructor(
    private readonly probes: ProbeService,
    private readonly catalog: CatalogService,
    private readonly leases: LeaseStore,
    private readonly health: HealthFoldStore,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Holds the office, or tries for it: often enough that it does not lapse while its holder probes. */
  async stand(): Promise<void> {
    this.isProber = await this.leases.isProber()
  }

  async run(): Promise<void> {
    // A worker that has just started probes at once when nobody else does.
    if (!this.isProber) await this.stand()
    if (!this.isProber) return
    const probed = await this.probes.probeAll()
    for (const { host, result } of probed) {
      this.tellError(host, result.error)
      if (result.isReachable) this.tellForwarded(host, result.forwarded)
    }
    await this.catalog.register(probed.flatMap(({ result }) => result.models.map((model) => ({ ...model, name: canonicalModel(model.upstreamName) }))))
    await this.tellDrifts()
  }

  /** Once for every change. A host that fails its probes is passed over, so no call raises an alarm over it. */
  private tellError({ id, name: host, region }: Host, error: string | null): void {
    if (error === (this.toldErrors.get(id) ?? null)) return
    if (error === null) {
      this.toldErrors.delete(id)
      return this.logger.info({ host, region }, 'a host passes its probe again')
    }
    this.toldErrors.set(id, error)
    this.logger.warn({ host, region, reason: error }, 'a host does not pass its probe')
  }

  /** Once for every change: to whoever asks, such a model is on no host. */
  private tellForwarded({ id, name: host, region }: Host, models: readonly string[]): void {
    const told = models.join()
    if (told === (this.toldForwarded.get(id) ?? '')) return
    this.toldForwarded.set(id, told)
    if (told !== '') this.logger.warn({ host, region, models }, 'a host forwards models to a cloud: they are not served')
  }

  /** Once for every change: a drift that lasts is in the metrics and the catalogue's views. */
  private async tellDrifts(): Promise<void> {
    await this.catalog.refresh()
    const drifts = this.catalog.drifts()
    const told = JSON.stringify(drifts)
    if (told === this.toldDrifts) return
    this.toldDrifts = told
    if (drifts.length === 0) this.logger.info({}, 'no model drifts any more')
    for (const { model, kind, hosts } of drifts) this.logger.warn({ model, kind, hosts }, 'hosts of a model hold different weights')
  }

  /** How hosts fared, from Redis to Postgres. */
  async fold(): Promise<void> {
    if (this.isProber) await this.health.fold()
  }

  async resign(): Promise<void> {
    if (this.isProber) await this.leases.resign()
  }
}
