import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { Database } from '@tollgate/platform/postgres'

const MONTHS_AHEAD = 3

/** Keeps the monthly partitions of usage, ledger and provider_cost three months ahead. */
@Injectable()
export class PartitionsJob {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async run(): Promise<void> {
    await this.database.query('SELECT ensure_usage_partitions($1::date, $2)', [new Date(this.clock.now()).toISOString().slice(0, 10), MONTHS_AHEAD])
  }
}
