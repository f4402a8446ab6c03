import { Controller, Get, Inject, Query } from '@nestjs/common'
import { FleetAdminService } from '@tollgate/hosts'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { COST_CURRENCY } from '@tollgate/pricing'
import { Permit } from '@tollgate/tenants/people'
import { MarginService } from '@tollgate/usage/margin'
import type { z } from 'zod'
import { Answers } from '../../openapi/answers'
import { idleWire } from './idle.wire'
import { marginPeriod, marginQuery, type MarginQueryString } from './margin.schema'
import { marginReply } from './margin.wire'

/** What was earned, what it cost, and what stood idle. */
@Controller('admin/reports')
export class MarginController {
  constructor(
    private readonly margin: MarginService,
    private readonly fleet: FleetAdminService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Permit('reports:margin')
  @Answers(marginReply)
  @Get('margin')
  async report(@Query({ schema: marginQuery }) query: MarginQueryString): Promise<z.output<typeof marginReply>> {
    const period = marginPeriod(query, this.clock.now())
    const [rows, attributed, spans] = await Promise.all([this.margin.rows(period), this.margin.attributed(period), this.fleet.costSpans(Date.parse(period.fromDay), Date.parse(period.toDay))])
    return { from: period.fromDay, to: period.toDay, cost_currency: COST_CURRENCY, rows, idle: idleWire(spans, attributed) }
  }
}
