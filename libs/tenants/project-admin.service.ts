import { Inject, Injectable } from '@nestjs/common'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import type { Project, Tenant } from './domain/tenant'
import { ProjectStore } from './project.store'

/** A project to be made. */
export type NewProject = Pick<Project, 'slug' | 'name'> & Partial<Pick<Project, 'defaultModel' | 'allowedModels' | 'maxBudgetPico' | 'softBudgetPico' | 'budgetDuration'>>

/** Projects of tenants, for the control plane. The caller announces the tenant's change (apps/admin). */
@Injectable()
export class ProjectAdminService {
  constructor(
    private readonly store: ProjectStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @throws RefusalError object_conflict for a slug the tenant already has */
  async createProject(tenant: Pick<Tenant, 'id'>, wanted: NewProject): Promise<Project> {
    const project: Project = {
      defaultModel: null,
      allowedModels: null,
      maxBudgetPico: null,
      softBudgetPico: null,
      budgetDuration: 'month',
      ...wanted,
      tenantId: tenant.id,
      id: this.ids.uuid(),
      createdAt: new Date(this.clock.now()),
    }
    await this.store.insert(tenant.id, project).catch((error: unknown) => rethrow(error, wanted.slug))
    return project
  }

  /** @throws RefusalError object_not_found */
  async get(tenant: Pick<Tenant, 'id'>, slug: string): Promise<Project> {
    const project = await this.store.bySlug(tenant.id, slug)
    if (!project) throw new RefusalError(refuse('object_not_found', { object: 'Project', name: slug }))
    return project
  }

  async list(tenant: Pick<Tenant, 'id'>, page: { after?: string; limit: number }): Promise<Project[]> {
    return this.store.list(tenant.id, page)
  }

  async change(tenant: Pick<Tenant, 'id'>, project: Project, changes: Partial<NewProject>): Promise<Project> {
    await this.store.change(tenant.id, project.id, changes).catch((error: unknown) => rethrow(error, changes.slug ?? project.slug))
    return { ...project, ...changes }
  }

  /** Its keys go with it. */
  async remove(tenant: Pick<Tenant, 'id'>, project: Project): Promise<void> {
    await this.store.remove(tenant.id, project.id)
  }
}

function rethrow(error: unknown, slug: string): never {
  if (violatedConstraint(error) === 'project_slug_key') throw new RefusalError(refuse('object_conflict', { object: 'Project', name: slug }))
  throw error
}
