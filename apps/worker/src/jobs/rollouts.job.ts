import { Injectable } from '@nestjs/common'
import { CatalogService } from '@tollgate/catalog'
import { HostSecrets, HostStore, ProbeService } from '@tollgate/hosts'
import { canonicalModel } from '@tollgate/kernel'
import { RolloutRunner } from '@tollgate/rollouts'

/** Does what operators want on hosts; a model that has come is served at once, not at the next probe. */
@Injectable()
export class RolloutsJob {
  private readonly stopping = new AbortController()

  constructor(
    private readonly runner: RolloutRunner,
    private readonly hosts: HostStore,
    private readonly secrets: HostSecrets,
    private readonly probes: ProbeService,
    private readonly catalog: CatalogService,
  ) {}

  /** Works until nothing is due. */
  async run(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted && (await this.runner.runOne(signal, (hostId) => this.secretOf(hostId), (hostId) => this.learn(hostId)))) continue
  }

  private async learn(hostId: string): Promise<void> {
    const host = await this.hosts.find(hostId)
    if (!host) return
    const { models } = await this.probes.probe(host)
    await this.catalog.register(models.map((model) => ({ ...model, name: canonicalModel(model.upstreamName) })))
  }

  private async secretOf(hostId: string): Promise<string | null> {
    const host = await this.hosts.find(hostId)
    return host && this.secrets.open(host)
  }

  /** Leaves what runs to the next worker. */
  stop(): void {
    this.stopping.abort()
  }
}
