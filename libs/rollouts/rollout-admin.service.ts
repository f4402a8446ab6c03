import { Inject, Injectable } from '@nestjs/common'
import { canonicalModel, isUuid, refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import type { HostJob, JobKind, JobState } from './domain/host-job'
import { HostJobStore, type JobHost } from './host-job.store'

/** Where a job is wanted. Neither = every enabled Ollama host. */
export interface WhereWanted {
  readonly hosts?: readonly string[]
  readonly regions?: readonly string[]
}

/** Queues jobs on hosts and tells how they stand, for operators. */
@Injectable()
export class RolloutAdminService {
  constructor(
    private readonly store: HostJobStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** The hosts meant. `unknown` names what is none, or no enabled Ollama host. */
  async choose({ hosts, regions }: WhereWanted): Promise<{ chosen: JobHost[]; unknown: string[] }> {
    const all = await this.store.hosts()
    const chosen = all.filter(({ name, region }) => (hosts === undefined || hosts.includes(name)) && (regions === undefined || regions.includes(region)))
    const unknown = [...(hosts ?? []).filter((name) => !all.some((host) => host.name === name)), ...(regions ?? []).filter((region) => !all.some((host) => host.region === region))]
    return { chosen, unknown }
  }

  /** Queues one job a host; one that is open already is given back instead. `body` is what the host is sent. */
  async queue(kind: JobKind, model: string, hosts: readonly JobHost[], body: Readonly<Record<string, unknown>>): Promise<HostJob[]> {
    const jobs = hosts.map(({ id }) => ({ id: this.ids.uuid(), kind, hostId: id, model: canonicalModel(model), body }))
    return this.store.find(await this.store.queue(jobs, new Date(this.clock.now())))
  }

  async list(page: { after?: string; limit: number; state?: JobState; model?: string }): Promise<HostJob[]> {
    return this.store.list(page)
  }

  /** @throws RefusalError object_not_found */
  async get(id: string): Promise<HostJob> {
    const [job] = isUuid(id) ? await this.store.find([id]) : []
    if (!job) throw new RefusalError(refuse('object_not_found', { object: 'Job', name: id }))
    return job
  }

  /** Ends a job that is not over; what its host has done stays. */
  async cancel(id: string): Promise<HostJob> {
    await this.get(id)
    await this.store.cancel(id, new Date(this.clock.now()))
    return this.get(id)
  }

  /** The open or last job of each model. */
  async latestByModel(): Promise<ReadonlyMap<string, { kind: JobKind; state: JobState }>> {
    return this.store.latestByModel()
  }
}
