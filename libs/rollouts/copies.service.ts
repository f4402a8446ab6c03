import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { CopiesStore } from './copies.store'
import { mayBegin, planCopies, type CopiesPlan, type CopiesStanding, type CopiesWish, type OpenJob, type Recipe } from './domain/copies'
import { HostJobStore } from './host-job.store'

/** Keeps as many copies of models as are wanted, by jobs. Everything it goes by is in the database: it keeps nothing. */
@Injectable()
export class CopiesService {
  constructor(
    private readonly store: CopiesStore,
    private readonly jobs: HostJobStore,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @param model of this one only */
  async wishes(model?: string): Promise<CopiesWish[]> {
    return this.store.wishes(model)
  }

  /** Replaces what is wanted of a model; the next plan goes by it. */
  async wish(model: string, wishes: readonly Omit<CopiesWish, 'model'>[]): Promise<void> {
    await this.store.wish(model, wishes)
  }

  /** How the wishes for a model stand now. @param recipes of all models that are wanted somewhere */
  async standings(model: string, recipes: readonly Recipe[]): Promise<CopiesStanding[]> {
    return (await this.plan(recipes)).standings.filter((standing) => standing.model === model)
  }

  /** Queues the next step of every wish and withdraws what leads nowhere. @param recipesOf of models wanted somewhere */
  async advance(recipesOf: (models: readonly string[]) => Promise<readonly Recipe[]>): Promise<void> {
    await this.store.asPlanner(async () => {
      const models = [...new Set((await this.store.wishes()).map(({ model }) => model))]
      const { steps, withdraw } = await this.plan(await recipesOf(models))
      const at = new Date(this.clock.now())
      for (const id of withdraw) await this.jobs.cancel(id, at, 'withdrawn: its host is gone, or the copies wanted are reached otherwise')
      if (steps.length > 0) await this.jobs.queue(steps.map((step) => ({ ...step, id: this.ids.uuid(), forCopies: true })), at)
    })
  }

  /** Asked just before a job of the planner begins: what was right when it was queued may not be any more. */
  async mayBegin(job: Pick<OpenJob, 'kind' | 'hostId' | 'model'>): Promise<boolean> {
    return mayBegin(job, await this.store.fleet())
  }

  private async plan(recipes: readonly Recipe[]): Promise<CopiesPlan> {
    return planCopies({ ...(await this.store.fleet()), recipes, nowMs: this.clock.now(), graceMs: this.config.TOLLGATE_COPIES_GRACE_MS })
  }
}
