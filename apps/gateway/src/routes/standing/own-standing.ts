import { Injectable } from '@nestjs/common'
import { AccessService } from '@tollgate/chat'
import { refuse, RefusalError, type Caller } from '@tollgate/kernel'
import { periodAt } from '@tollgate/limits'
import { StandingService, type Standing } from '@tollgate/limits/standing'
import { AuthenticationService } from '@tollgate/tenants'
import { CostReportService } from '@tollgate/usage/report'
import { reportsUnavailable } from '../reports-unavailable'

type Measures = ReturnType<AccessService['measuresOf']>

/** How a caller stands now: limits and budgets from Redis, spend from the reports. */
@Injectable()
export class OwnStanding {
  constructor(
    private readonly access: AccessService,
    private readonly standing: StandingService,
    private readonly authentication: AuthenticationService,
    private readonly reports: CostReportService,
  ) {}

  /** The caller comes back renewed where its record was older than a change. @throws RefusalError as an admission is refused */
  async of(caller: Caller): Promise<{ caller: Caller; tier: Measures['tier']; regions: string[]; standing: Standing }> {
    const found = await this.look(caller)
    if (found) return found
    const renewed = await this.authentication.renew(caller)
    if (renewed.kind === 'refused') throw new RefusalError(renewed.refusal)
    const again = await this.look(renewed.caller)
    if (!again) throw new RefusalError(refuse('limits_unavailable', {}, { retryAfterSeconds: 1 }))
    return again
  }

  /** What the tenant used and spent from one instant to another. @throws RefusalError reports_unavailable */
  async spentIn({ tenant }: Caller, { startsAtMs: fromMs, endsAtMs: toMs }: { startsAtMs: number; endsAtMs: number }) {
    const calendar = (instantMs: number, length: 'day' | 'month') => periodAt(instantMs, tenant.timeZone, length)
    const { total, from, to } = await this.reports.report(tenant.id, tenant.currency, { fromMs, toMs, groupBy: [], calendar }).catch(reportsUnavailable)
    return { from, to, ...total }
  }

  private async look(caller: Caller) {
    const { tier, project } = this.access.measuresOf(caller)
    const standing = await this.standing.of(caller, tier, project)
    return standing === 'stale' ? null : { caller, tier, regions: this.access.regionsOf(caller), standing }
  }
}
