import { Injectable } from '@nestjs/common'
import { CatalogService, ModelAdminService } from '@tollgate/catalog'
import { HostStore, ProbeService, type HostRecord } from '@tollgate/hosts'
import { canonicalModel } from '@tollgate/kernel'
import { ChangeNotices } from '@tollgate/platform/redis'

/** What a probe of a host led to. */
export interface Discovery {
  readonly isReachable: boolean
  readonly isServing: boolean
  /** Why the probe did not pass. */
  readonly error: string | null
  /** The host answers callers without a credential; null = not known. */
  readonly isOpenToAll: boolean | null
  readonly models: readonly string[]
  /** Found, but without a price and not marked free: refused until a price is added. */
  readonly modelsWithoutPrice: readonly string[]
  /** Found, but sent on to a cloud by the host: refused, since no region holds them. */
  readonly modelsForwarded: readonly string[]
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
   * @param host as it is to be; it may not be stored so yet
   * @param act stores what follows from the probe: out of drain, a new address
   */
  async discover(host: HostRecord, act: (hasPassed: boolean) => Promise<boolean>): Promise<Discovery> {
    const probe = await this.probes.look(host)
    if (!probe.isReachable) {
      await act(false)
      await this.probes.keep(host, probe)
      return { isReachable: false, isServing: false, error: probe.error, isOpenToAll: null, models: [], modelsWithoutPrice: [], modelsForwarded: [] }
    }
    const found = probe.models.map((model) => ({ ...model, name: canonicalModel(model.upstreamName) }))
    await this.catalog.register(found)
    const isOpenToAll = host.secret === null || (await this.probes.isOpenToAll(host))
    const isServing = await act(true)
    await this.probes.keep(host, probe)
    await this.store.noteOpenToAll(host.id, isOpenToAll)
    await this.notices.publish({ topic: 'hosts' })
    const models = [...new Set(found.map((model) => model.name))].sort()
    return { isReachable: true, isServing: isServing && host.isEnabled, error: null, isOpenToAll, models, modelsWithoutPrice: await this.models.withoutPrice(models), modelsForwarded: probe.forwarded }
  }

  /** Lets a host out of drain. */
  async startServing(host: HostRecord): Promise<void> {
    await this.store.startServing(host.id)
  }
}
