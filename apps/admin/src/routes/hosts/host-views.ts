import { Injectable } from '@nestjs/common'
import { FleetAdminService, type HostRecord } from '@tollgate/hosts'
import { HealthBoard, HealthFoldStore, type FaredModel, type HealthView } from '@tollgate/hosts/health'

/** What is shown of a host beside its record. Totals are as of the last minute's fold, circuits as of now. */
export interface HostFacts {
  readonly held: NonNullable<ReturnType<Awaited<ReturnType<FleetAdminService['held']>>['get']>>
  readonly status: HostRecord['status']
  readonly health: HealthView
  readonly models: readonly (HealthView & { readonly name: string; readonly fared: FaredModel | null })[]
  /** Models in memory at the last probe; null where the host did not say. */
  readonly loaded: readonly string[] | null
  readonly lastProbe: { readonly at: Date; readonly latencyMs: number } | null
}

/** Gathers what hosts hold and how they fare: Postgres for what outlives a minute, Redis for what does not. */
@Injectable()
export class HostViews {
  constructor(
    private readonly fleet: FleetAdminService,
    private readonly board: HealthBoard,
    private readonly fold: HealthFoldStore,
  ) {}

  async of(hosts: readonly HostRecord[]): Promise<Map<string, HostFacts>> {
    const ids = hosts.map((host) => host.id)
    // Redis away: hosts are shown by what this process last knew.
    const [held, fared] = await Promise.all([this.fleet.held(hosts), this.fold.fared(ids), this.board.read(ids).catch(() => undefined)])
    return new Map(hosts.map((host) => [host.id, this.factsOf(host, held.get(host.id)!, fared.filter(({ hostId }) => hostId === host.id))]))
  }

  private factsOf(host: HostRecord, held: HostFacts['held'], fared: readonly FaredModel[]): HostFacts {
    const names = [...new Set([...held.map(({ model }) => model), ...fared.map(({ model }) => model)])].sort()
    const probe = this.board.lastProbe(host.id)
    return {
      held,
      status: this.board.statusOf(host),
      health: this.board.view(host.id),
      models: names.map((name) => ({ name, fared: fared.find(({ model }) => model === name) ?? null, ...this.board.view(host.id, name) })),
      loaded: probe?.loaded ?? null,
      lastProbe: probe && { at: new Date(probe.atMs), latencyMs: probe.latencyMs },
    }
  }
}
