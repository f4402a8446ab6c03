import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'

const SUMS = ['requests', 'failures', 'prompt_tokens', 'completion_tokens', 'cached_tokens', 'reasoning_tokens', 'cost_pico', 'duration_ms', 'durations', 'attempts', 'uncosted_attempts', 'provider_cost_pico']

/** In place of the rows that bookings left of an hour, their sum: whoever reads meanwhile sees the ones or the other. */
const MERGE = `WITH several AS (SELECT currency, hour FROM usage_total_hourly GROUP BY 1, 2 HAVING count(*) > 1),
    gone AS (DELETE FROM usage_total_hourly r USING several s WHERE r.currency = s.currency AND r.hour = s.hour RETURNING r.*)
  INSERT INTO usage_total_hourly (currency, hour, ${SUMS.join(', ')})
  SELECT currency, hour, ${SUMS.map((name) => `sum(${name})`).join(', ')} FROM gone GROUP BY 1, 2`

/** Hours of all tenants: every booking adds rows of its own, so that none waits for another's. */
@Injectable()
export class TotalsStore {
  constructor(private readonly database: Database) {}

  /** Keeps the rows few (role tg_worker). Reports are exact without it, and slower. Several workers may run it. */
  async merge(): Promise<void> {
    await this.database.query(MERGE)
  }
}
