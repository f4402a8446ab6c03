import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { WRITABLE_FIELDS } from '@tollgate/tenants/domain'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { permits, TierAdminService, type TierVersion } from '@tollgate/tiers'
import { pageReply } from '@tollgate/platform/json-schema'
import { pageQuery } from '../../fields.schema'
import { invalid } from '../../invalid'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { References } from '../../references'
import { demandFields, SignedIn } from '../../signed-in'
import { createTierBody, tierBody, type CreateTierBody, type TierBody } from './tier.schema'
import { changedMoney, tierHistoryReply, tierOf, tierReply, tierWire } from './tier.wire'

/** Tiers. Every change is a new version; gateways re-read them on the notice. */
@Controller('admin/tiers')
export class TiersController {
  constructor(
    private readonly tiers: TierAdminService,
    private readonly references: References,
  ) {}

  @Permit('tiers:read')
  @Answers(pageReply(tierReply))
  @Get()
  async list(@Query({ schema: pageQuery }) query: { limit: number; after?: string }) {
    return pageOf(query, (page) => this.tiers.list(page), (tier) => tier.slug, tierWire)
  }

  /** The version in force, and all before it. */
  @Permit('tiers:read')
  @Answers(tierHistoryReply)
  @Get(':tier')
  async one(@Param('tier') slug: string) {
    const [current, ...older] = await this.tiers.versions(slug)
    return { ...tierWire(current), older_versions: older.map(tierWire) }
  }

  @Permit('tiers:write')
  @Answers(tierReply)
  @Post()
  async create(@SignedIn() who: Principal, @Body({ schema: createTierBody }) { slug, ...body }: CreateTierBody) {
    if (await this.tiers.find(slug)) throw new RefusalError(refuse('object_conflict', { object: 'Tier', name: slug }))
    return this.write(who, slug, body, null)
  }

  @Permit('tiers:write', 'budgets:write')
  @Answers(tierReply)
  @Put(':tier')
  async put(@SignedIn() who: Principal, @Param('tier') slug: string, @Body({ schema: tierBody }) body: TierBody) {
    const [current] = await this.tiers.versions(slug)
    return this.write(who, slug, body, current)
  }

  private async write(who: Principal, slug: string, body: TierBody, current: TierVersion | null) {
    const wanted = tierOf(slug, body)
    demandFields(who, WRITABLE_FIELDS.tier, changedMoney(body, current))
    if (!isOnlyMoney(wanted, current)) demandFields(who, { rights: 'tiers:write' }, ['rights'])
    await this.references.demand({ regions: [{ path: 'regions', slugs: body.regions }] })
    if (wanted.defaultModel !== null && !permits({ ...wanted, version: 0 }, wanted.defaultModel)) throw invalid({ path: 'default_model', message: 'is not permitted by this tier' })
    return tierWire(await this.tiers.put(wanted, current))
  }
}

/** Does a wanted tier differ from the one in force in nothing but money? */
function isOnlyMoney(wanted: ReturnType<typeof tierOf>, current: TierVersion | null): boolean {
  if (!current) return false
  const { budget: _budget, version: _version, createdAt: _createdAt, ...rights } = current
  return Object.entries(rights).every(([field, value]) => JSON.stringify(value) === JSON.stringify(wanted[field as keyof typeof wanted]))
}
