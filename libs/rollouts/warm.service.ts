import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { preloadBody } from './domain/host-job'
import { toWarm, type WarmHost } from './domain/warm'
import { HostJobStore } from './host-job.store'

const LOOK_BACK_MS = 3_600_000

/** Keeps models in the memory of hosts, by preload jobs. */
@Injectable()
export class WarmService {
  constructor(
    private readonly jobs: HostJobStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Queues what is due. @param models to be kept warm, with the context their calls ask for; null = the host's own */
  async advance(models: ReadonlyMap<string, number | null>, hosts: readonly WarmHost[]): Promise<void> {
    if (models.size === 0) return
    const nowMs = this.clock.now()
    const steps = toWarm([...models.keys()], hosts, await this.jobs.loads(new Date(nowMs - LOOK_BACK_MS)), nowMs)
    if (steps.length === 0) return
    const jobs = steps.map(({ hostId, model, upstreamName }) => ({ id: this.ids.uuid(), kind: 'preload' as const, hostId, model, body: preloadBody(upstreamName, models.get(model)!) }))
    await this.jobs.queue(jobs, new Date(nowMs))
  }
}
