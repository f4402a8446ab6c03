import { Body, Controller, HttpCode, Post } from '@nestjs/common'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { Answers } from '../../openapi/answers'
import { periodMs } from '../proof/period.schema'
import { BacktestDesk } from './backtest-desk'
import { backtestBody, type BacktestBody } from './backtest.schema'
import { backtestReply } from './backtest.wire'

/** Runs a rule set over the measured prompts of a period, before it is switched on; nothing is changed. */
@Controller('admin/rule-sets/backtest')
export class BacktestController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly desk: BacktestDesk,
  ) {}

  @Permit('rule-sets:read')
  @Answers(backtestReply)
  @Post()
  @HttpCode(200)
  async run(@Body({ schema: backtestBody }) body: BacktestBody): Promise<z.output<typeof backtestReply>> {
    const tenant = body.tenant === undefined ? null : await this.tenants.get(body.tenant)
    const found = await this.desk.run({ tenantId: tenant?.id ?? null, tier: tenant?.tier ?? null }, periodMs(body), body)
    return { from: body.from.toISOString(), to: body.to.toISOString(), tenant: tenant?.slug ?? null, ...found }
  }
}
