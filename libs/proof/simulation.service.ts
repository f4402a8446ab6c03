import { Injectable } from '@nestjs/common'
import type { Scenario } from './domain/scenario'
import { simulateCall, SimulationTotals } from './domain/simulation'
import { SimulationStore, type CallPeriod } from './simulation.store'

/** What a past period would have cost under another price book. It reads the books and changes nothing. */
@Injectable()
export class SimulationService {
  constructor(private readonly store: SimulationStore) {}

  async simulate(period: CallPeriod, scenario: Scenario): Promise<SimulationTotals> {
    const totals = new SimulationTotals()
    await this.store.eachCall(period, (calls) => {
      for (const call of calls) totals.add(call, simulateCall(call, scenario))
    })
    return totals
  }
}
