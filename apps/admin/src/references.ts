import { Injectable } from '@nestjs/common'
import { FleetAdminService } from '@tollgate/hosts'
import { isTimeZone } from '@tollgate/limits'
import { TierAdminService } from '@tollgate/tiers'
import { invalid, type Problem } from './invalid'

/** Checks that what a body names in other rooms exists: tiers, regions, time zones. */
@Injectable()
export class References {
  constructor(
    private readonly tiers: TierAdminService,
    private readonly fleet: FleetAdminService,
  ) {}

  /** @throws RefusalError invalid_request naming every path that points nowhere */
  async demand(named: { tier?: string | null; regions?: { path: string; slugs: readonly string[] }[]; timeZone?: string }): Promise<void> {
    const problems: Problem[] = []
    if (named.tier != null && !(await this.tiers.find(named.tier))) problems.push({ path: 'tier', message: 'is not a tier' })
    if (named.timeZone !== undefined && !isTimeZone(named.timeZone)) problems.push({ path: 'time_zone', message: 'is not an IANA time zone such as Europe/Berlin' })
    for (const { path, slugs } of named.regions ?? []) {
      for (const unknown of await this.fleet.unknownRegions(slugs)) problems.push({ path, message: `names ${unknown}, which is not a region` })
    }
    if (problems.length > 0) throw invalid(...(problems as [Problem, ...Problem[]]))
  }
}
