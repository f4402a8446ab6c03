import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common'
import { canonicalModel } from '@tollgate/kernel'
import { ProjectAdminService, TenantAdminService } from '@tollgate/tenants'
import { WRITABLE_FIELDS } from '@tollgate/tenants/domain'
import { Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { Announcements } from '../../announcements'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { demandFields, fieldsOf, SignedIn } from '../../signed-in'
import { changeProjectBody, createProjectBody, type ChangeProjectBody, type CreateProjectBody } from './tenant.schema'
import { projectFields, projectReply, projectWire } from './tenant.wire'

/** Projects of a tenant. A change raises the tenant's epoch: gateways read callers with their projects. */
@Controller('admin/tenants/:tenant/projects')
export class ProjectsController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly projects: ProjectAdminService,
    private readonly announcements: Announcements,
  ) {}

  @Permit('projects:read')
  @Answers(pageReply(projectReply))
  @Get()
  async list(@Param('tenant') slug: string, @Query({ schema: idPageQuery }) query: { limit: number; after?: string }) {
    const tenant = await this.tenants.get(slug)
    return pageOf(query, (page) => this.projects.list(tenant, page), (project) => project.id, projectWire)
  }

  @Permit('projects:write')
  @Answers(projectReply)
  @Post()
  async create(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: createProjectBody }) body: CreateProjectBody) {
    demandFields(who, WRITABLE_FIELDS.project, fieldsOf({ ...body, max_budget: body.max_budget ?? undefined, soft_budget: body.soft_budget ?? undefined, budget_duration: undefined }))
    const tenant = await this.tenants.get(slug)
    const project = await this.projects.createProject(tenant, { ...canonical(projectFields(body)), slug: body.slug, name: body.name })
    await this.announce(tenant)
    return projectWire(project)
  }

  @Permit('projects:read')
  @Answers(projectReply)
  @Get(':project')
  async one(@Param('tenant') slug: string, @Param('project') project: string) {
    return projectWire(await this.projects.get(await this.tenants.get(slug), project))
  }

  @Permit('projects:write', 'project-budgets:write')
  @Answers(projectReply)
  @Patch(':project')
  async change(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('project') name: string, @Body({ schema: changeProjectBody }) body: ChangeProjectBody) {
    demandFields(who, WRITABLE_FIELDS.project, fieldsOf(body))
    const tenant = await this.tenants.get(slug)
    const changed = await this.projects.change(tenant, await this.projects.get(tenant, name), canonical(projectFields(body)))
    await this.announce(tenant)
    return projectWire(changed)
  }

  @Permit('projects:write')
  @Delete(':project')
  @HttpCode(204)
  async remove(@Param('tenant') slug: string, @Param('project') name: string): Promise<void> {
    const tenant = await this.tenants.get(slug)
    await this.projects.remove(tenant, await this.projects.get(tenant, name))
    await this.announce(tenant)
  }

  private async announce(tenant: { id: string; slug: string }): Promise<void> {
    await this.announcements.tenantChanged(await this.tenants.change(tenant, {}))
  }
}

function canonical<T extends { defaultModel?: string | null; allowedModels?: readonly string[] | null }>(fields: T): T {
  const defaultModel = fields.defaultModel ? { defaultModel: canonicalModel(fields.defaultModel) } : {}
  return { ...fields, ...defaultModel }
}
