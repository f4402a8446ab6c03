import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'

const SUMS = ['requests', 'failures', 'prompt_tokens', 'completion_tokens', 'cached_tokens', 'reasoning_tokens', 'cost_pico', 'duration_ms', 'durations', 'attempts', 'uncosted_attempts', 'provider_cost_pico']

/** Rows of bookings that one statement takes: a backlog of hours is merged in bounded steps. */
const MOST_A_STEP = 20_000

/** In place of the rows that bookings left of an hour, and of their sum so far, the new sum: whoever reads meanwhile sees the ones or the other. */
const MERGE = `WITH fresh AS MATERIALIZED (SELECT id, currency, hour FROM usage_total_hourly WHERE NOT is_merged ORDER BY id LIMIT $1),
    wanted AS (
      SELECT id FROM fresh
      UNION ALL SELECT m.id FROM (SELECT DISTINCT currency, hour FROM fresh) f JOIN usage_total_hourly m ON m.hour = f.hour AND m.currency = f.currency AND m.is_merged),
    gone AS (DELETE FROM usage_total_hourly r USING wanted w WHERE r.id = w.id RETURNING r.*),
    merged AS (
      INSERT INTO usage_total_hourly (currency, hour, is_merged, ${SUMS.join(', ')})
      SELECT currency, hour, true, ${SUMS.map((name) => `sum(${name})`).join(', ')} FROM gone GROUP BY 1, 2)
  SELECT count(*)::integer AS taken FROM fresh`

/** Hours of all tenants: every booking adds rows of its own, so that none waits for another's. */
@Injectable()
export class TotalsStore {
  constructor(private readonly database: Database) {}

  /**
   * Keeps the rows few (role tg_worker). Reports are exact without it, and slower. Several workers may run it: a row is
   * merged by the one that deletes it, and an hour that two of them touch at once has two sums until it is booked to again.
   */
  async merge(mostAStep = MOST_A_STEP): Promise<void> {
    for (let taken = mostAStep; taken === mostAStep; ) taken = (await this.database.query<{ taken: number }>(MERGE, [mostAStep]))[0]!.taken
  }
}
