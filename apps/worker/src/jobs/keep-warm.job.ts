import { Inject, Injectable } from '@nestjs/common'
import { CatalogService } from '@tollgate/catalog'
import { HostStore } from '@tollgate/hosts'
import { HealthBoard } from '@tollgate/hosts/health'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { WarmService } from '@tollgate/rollouts'

/** Has hosts load the models that are marked `auto_preload`, whenever a probe heard that they are not in memory. */
@Injectable()
export class KeepWarmJob {
  constructor(
    private readonly catalog: CatalogService,
    private readonly hosts: HostStore,
    private readonly board: HealthBoard,
    private readonly warm: WarmService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  async run(): Promise<void> {
    await this.catalog.refresh()
    const models = new Map(this.catalog.models().filter(({ autoPreload }) => autoPreload).map(({ name, numCtx }) => [name, numCtx ?? this.config.OLLAMA_CONTEXT_LENGTH ?? null]))
    if (models.size === 0) return
    const { hosts, deployments } = await this.hosts.fleet()
    const local = hosts.filter(({ provider }) => provider === 'ollama')
    await this.board.read(local.map(({ id }) => id))
    const warmable = local.map(({ id, isEnabled, isDraining, status }) => ({
      id,
      takesCalls: isEnabled && !isDraining && status !== 'unhealthy',
      held: new Map(deployments.filter(({ hostId }) => hostId === id).map(({ model, upstreamName }) => [model, upstreamName])),
      loaded: this.board.lastProbe(id)?.loaded ?? null,
      toldMs: this.board.lastProbe(id)?.atMs ?? 0,
    }))
    await this.warm.advance(models, warmable)
  }
}
