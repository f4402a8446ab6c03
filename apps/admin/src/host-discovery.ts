import { Injectable } from '@nestjs/common'
import { CatalogService, ModelAdminService } from '@tollgate/catalog'
import { HostStore, ProbeService, type HostRecord } from '@tollgate/hosts'
import { canonicalModel } from '@tollgate/kernel'
import { ChangeNotices } from '@tollgate/platform/redis'

/** What a probe of a host led to. */
export interface Discovery {
  readonly isReachable: boolean
  readonly isServing: boolean
  readonly models: readonly string[]
  /** Found, but without a price and not marked free: refused until a price is added. */
  readonly modelsWithoutPrice: readonly string[]
}

/** The walk from a host's own list to calls being served by it: probe (hosts), register (catalog), serve (hosts). */
@Injectable()
export class HostDiscovery {
  constructor(
    private readonly probes: ProbeService,
    private readonly store: HostStore,
    private readonly catalog: CatalogService,
    private readonly models: ModelAdminService,
    private readonly notices: ChangeNotices,
  ) {}

  /**
   * Probes at once. Models enter the catalogue before the host starts to serve, so that no gateway is ever offered a
   * deployment of a model it does not know.
   * @param shouldServe lets the host out of drain when the probe passes
   */
  async discover(host: HostRecord, shouldServe: boolean): Promise<Discovery> {
    const probe = await this.probes.probe(host)
    if (!probe.isReachable) return { isReachable: false, isServing: false, models: [], modelsWithoutPrice: [] }
    const found = probe.models.map((model) => ({ ...model, name: canonicalModel(model.upstreamName) }))
    await this.catalog.register(found)
    if (shouldServe) await this.store.startServing(host.id)
    await this.notices.publish({ topic: 'hosts' })
    const models = [...new Set(found.map((model) => model.name))].sort()
    return { isReachable: true, isServing: shouldServe && host.isEnabled, models, modelsWithoutPrice: await this.models.withoutPrice(models) }
  }
}
