import { Controller, Get, Inject, Req, Res, UseGuards } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { periodAt } from '@tollgate/limits'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import type { CallerRequest } from '../caller-request'
import { OwnStanding } from './own-standing'
import { budgetsWire, windowsWire } from './standing.wire'

/** `GET /v1/limits` and `GET /v1/usage` (product.md 2.5): what a key may still do, and what its tenant has spent. */
@Controller('v1')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class StandingController {
  constructor(
    private readonly own: OwnStanding,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('report:read')
  @Get('limits')
  async limits(@Req() http: CallerRequest, @Res({ passthrough: true }) reply: HttpReply) {
    const { caller, tier, regions, standing } = await this.own.of(http.caller)
    void reply.header('cache-control', 'no-store')
    return { tier: tier.slug, regions, max_output_tokens: tier.maxOutputTokens, limits: windowsWire(standing), currency: caller.tenant.currency, budgets: budgetsWire(standing) }
  }

  /** Figures of the whole tenant, as `/cost-report` has them. */
  @NeedsScope('report:read')
  @Get('usage')
  async usage(@Req() http: CallerRequest, @Res({ passthrough: true }) reply: HttpReply) {
    const { caller, standing } = await this.own.of(http.caller)
    const { currency, timeZone } = caller.tenant
    const today = periodAt(this.clock.now(), timeZone, 'day')
    const { period } = standing.budgets[0]!
    const [ofToday, ofPeriod] = await Promise.all([this.own.spentIn(caller, today), this.own.spentIn(caller, period)])
    void reply.header('cache-control', 'no-store')
    return { currency, time_zone: timeZone, today: ofToday, period: ofPeriod, budgets: budgetsWire(standing) }
  }
}
