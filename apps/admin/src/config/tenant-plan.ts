import { Injectable } from '@nestjs/common'
import { canonicalModel } from '@tollgate/kernel'
import { isTimeZone } from '@tollgate/limits'
import type { Entry } from '@tollgate/operator-config'
import { ProjectAdminService, TenantAdminService } from '@tollgate/tenants'
import type { Tenant } from '@tollgate/tenants/domain'
import { Announcements } from '../announcements'
import { changeProjectBody, changeTenantBody, createProjectBody, createTenantBody, type ChangeTenantBody } from '../routes/tenants/tenant.schema'
import { projectFields, projectWire, tenantFields, tenantWire } from '../routes/tenants/tenant.wire'
import type { Draft } from './draft'

interface Known {
  readonly regions: ReadonlySet<string>
  readonly tiers: ReadonlySet<string>
}

/** What a file says of tenants and their projects. */
@Injectable()
export class TenantPlan {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly projects: ProjectAdminService,
    private readonly announcements: Announcements,
  ) {}

  /** Tenants with their projects, as the file has them. */
  async export(): Promise<object[]> {
    const tenants = await this.tenants.list({ limit: 100_000 })
    return Promise.all(
      tenants.map(async (tenant) => {
        const { id: _id, created_at: _created, updated_at: _updated, is_suspended: isSuspended, ...wire } = tenantWire(tenant)
        const projects = (await this.projects.list(tenant, { limit: 10_000 })).map((project) => {
          const { id: _of, created_at: _at, ...fields } = projectWire(project)
          return fields
        })
        return { ...wire, ...(isSuspended ? { is_suspended: true } : {}), ...(projects.length > 0 ? { projects } : {}) }
      }),
    )
  }

  async add(draft: Draft, entries: readonly Entry[], known: Known): Promise<void> {
    for (const entry of entries) {
      const { projects = [], ...value } = entry.value
      const tenant = await this.tenants.get(String(value.slug)).catch(() => null)
      if (tenant ? this.change(draft, tenant, entry, value, known) : this.create(draft, entry, value, known)) await this.addProjects(draft, entry, projects, tenant)
    }
  }

  private create(draft: Draft, entry: Entry, value: object, known: Known): boolean {
    const body = draft.parse(createTenantBody, entry, value)
    if (!body || !draft.isFirst('tenant', body.slug, entry)) return false
    this.judge(draft, entry, body, known)
    const { slug, currency, name, tier, home_region: homeRegion } = body
    draft.made.tenants.set(slug, { tier, currency })
    draft.compare('tenant', slug, null, value, async () => void (await this.tenants.createTenant({ ...fieldsOf(body), slug, currency, name, tier, homeRegion })))
    return true
  }

  private change(draft: Draft, tenant: Tenant, entry: Entry, { slug: _slug, currency, ...value }: Readonly<Record<string, unknown>>, known: Known): boolean {
    const body = draft.parse(changeTenantBody, entry, value)
    if (!body || !draft.isFirst('tenant', tenant.slug, entry)) return false
    if (currency !== undefined && currency !== tenant.currency) draft.fault(entry, ['currency'], `of a tenant does not change: amounts on record are in ${tenant.currency}`)
    this.judge(draft, entry, body, known)
    draft.made.tenants.set(tenant.slug, { tier: body.tier })
    const fields = fieldsOf(body)
    const regions = fields.allowedRegions ?? tenant.allowedRegions
    if (!regions.includes(fields.homeRegion ?? tenant.homeRegion)) draft.fault(entry, ['home_region'], 'must be one of the allowed regions')
    draft.compare('tenant', tenant.slug, tenantWire(tenant), tenantWire({ ...tenant, ...fields }), async () => {
      await this.announcements.tenantChanged(await this.tenants.change(tenant, fields))
    })
    return true
  }

  private judge(draft: Draft, entry: Entry, body: ChangeTenantBody, { regions, tiers }: Known): void {
    if (body.tier !== undefined && !tiers.has(body.tier) && !draft.made.tiers.has(body.tier)) draft.fault(entry, ['tier'], `${body.tier} is not a tier`)
    if (body.home_region !== undefined && !regions.has(body.home_region)) draft.fault(entry, ['home_region'], `${body.home_region} is not a region`)
    for (const region of body.allowed_regions ?? []) if (!regions.has(region)) draft.fault(entry, ['allowed_regions'], `names ${region}, which is not a region`)
    if (body.time_zone !== undefined && !isTimeZone(body.time_zone)) draft.fault(entry, ['time_zone'], 'is not an IANA time zone such as Europe/Berlin')
  }

  private async addProjects(draft: Draft, owner: Entry, projects: unknown, tenant: Tenant | null): Promise<void> {
    if (!Array.isArray(projects)) return draft.fault(owner, ['projects'], 'must be a list')
    const known = new Map((tenant ? await this.projects.list(tenant, { limit: 10_000 }) : []).map((project) => [project.slug, project]))
    for (const [i, value] of projects.entries()) {
      const entry: Entry = { value: (value ?? {}) as Record<string, unknown>, path: [...owner.path, 'projects', i] }
      const project = known.get(String(entry.value.slug))
      const body = draft.parse(project ? changeProjectBody : createProjectBody, entry)
      const name = `${String(entry.value.slug)} of ${String(owner.value.slug)}`
      if (!body || !draft.isFirst('project', name, entry)) continue
      const fields = projectFields(body)
      const wanted = { ...fields, ...(fields.defaultModel ? { defaultModel: canonicalModel(fields.defaultModel) } : {}) }
      const run = async () => {
        const of = await this.tenants.get(String(owner.value.slug))
        if (project) await this.projects.change(of, project, wanted)
        else await this.projects.createProject(of, wanted as Parameters<ProjectAdminService['createProject']>[1])
        await this.announcements.tenantChanged(await this.tenants.change(of, {}))
      }
      draft.compare('project', name, project ? projectWire(project) : null, project ? projectWire({ ...project, ...wanted }) : entry.value, run)
    }
  }
}

function fieldsOf(body: ChangeTenantBody) {
  const fields = tenantFields(body)
  return fields.preferredModel ? { ...fields, preferredModel: canonicalModel(fields.preferredModel) } : fields
}
