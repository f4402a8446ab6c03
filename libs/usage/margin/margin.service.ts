import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Pico } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { marginRows, type MarginQuery, type MarginRow } from '../domain/margin'
import type { ReportPeriod } from '../domain/report-period'
import { untilNow } from '../domain/report-reading'
import { MarginStore } from './margin.store'

/** What a host's attempts were given of its cost. */
export interface HostAttribution {
  readonly host: string
  readonly region: string
  readonly costPico: Pico
}

/** What was earned and what it cost, over all tenants. */
@Injectable()
export class MarginService {
  constructor(
    private readonly store: MarginStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async rows(query: MarginQuery): Promise<MarginRow[]> {
    return marginRows(await this.store.sums(this.periodOf(query, query.groupBy.includes('day')), query.groupBy), query.groupBy)
  }

  /** Costs of attempts by host and region, for what is left idle. */
  async attributed(query: Pick<MarginQuery, 'fromDay' | 'toDay'>): Promise<HostAttribution[]> {
    return this.store.hostCosts(this.periodOf(query, false))
  }

  private periodOf({ fromDay, toDay }: Pick<MarginQuery, 'fromDay' | 'toDay'>, isByDay: boolean): ReportPeriod {
    const [fromMs, toMs] = [Date.parse(fromDay), Date.parse(toDay)]
    return { fromMs, toMs: isByDay ? toMs : untilNow(toMs, this.clock.now()) }
  }
}
