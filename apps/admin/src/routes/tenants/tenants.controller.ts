import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common'
import { canonicalModel } from '@tollgate/kernel'
import { TenantAdminService } from '@tollgate/tenants'
import { WRITABLE_FIELDS } from '@tollgate/tenants/domain'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { Announcements } from '../../announcements'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { References } from '../../references'
import { demandFields, fieldsOf, SignedIn } from '../../signed-in'
import { changeTenantBody, createTenantBody, type ChangeTenantBody, type CreateTenantBody } from './tenant.schema'
import { tenantFields, tenantReply, tenantWire } from './tenant.wire'

/** Tenants. */
@Controller('admin/tenants')
export class TenantsController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly references: References,
    private readonly announcements: Announcements,
  ) {}

  @Permit('tenants:list')
  @Answers(pageReply(tenantReply))
  @Get()
  async list(@Query({ schema: idPageQuery }) query: { limit: number; after?: string }) {
    return pageOf(query, (page) => this.tenants.list(page), (tenant) => tenant.id, tenantWire)
  }

  @Permit('tenants:write')
  @Answers(tenantReply)
  @Post()
  async create(@SignedIn() who: Principal, @Body({ schema: createTenantBody }) body: CreateTenantBody) {
    const money = fieldsOf({ max_budget: body.max_budget ?? undefined, soft_budget: body.soft_budget ?? undefined })
    demandFields(who, WRITABLE_FIELDS.tenant, money)
    const { slug, currency, name, tier, home_region: homeRegion } = body
    await this.references.demand({ tier, timeZone: body.time_zone, regions: [{ path: 'home_region', slugs: [homeRegion] }, { path: 'allowed_regions', slugs: body.allowed_regions ?? [] }] })
    return tenantWire(await this.tenants.createTenant({ ...canonical(tenantFields(body)), slug, currency, name, tier, homeRegion }))
  }

  @Permit('tenants:read')
  @Answers(tenantReply)
  @Get(':tenant')
  async one(@Param('tenant') slug: string) {
    return tenantWire(await this.tenants.get(slug))
  }

  @Permit('tenants:write', 'tenants:settings', 'budgets:write')
  @Answers(tenantReply)
  @Patch(':tenant')
  async change(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: changeTenantBody }) body: ChangeTenantBody) {
    demandFields(who, WRITABLE_FIELDS.tenant, fieldsOf(body))
    const tenant = await this.tenants.get(slug)
    await this.references.demand({
      tier: body.tier,
      timeZone: body.time_zone,
      regions: [
        { path: 'home_region', slugs: body.home_region ? [body.home_region] : [] },
        { path: 'allowed_regions', slugs: body.allowed_regions ?? [] },
      ],
    })
    const changed = await this.tenants.change(tenant, canonical(tenantFields(body)))
    await this.announcements.tenantChanged(changed)
    return tenantWire(changed)
  }

  @Permit('tenants:write')
  @Delete(':tenant')
  @HttpCode(204)
  async remove(@Param('tenant') slug: string): Promise<void> {
    const tenant = await this.tenants.get(slug)
    await this.tenants.remove(tenant)
    await this.announcements.tenantChanged({ ...tenant, authEpoch: tenant.authEpoch + 1 })
  }
}

function canonical<T extends { preferredModel?: string | null }>(fields: T): T {
  return fields.preferredModel ? { ...fields, preferredModel: canonicalModel(fields.preferredModel) } : fields
}
