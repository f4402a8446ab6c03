import { Injectable } from '@nestjs/common'
import { MoreThan } from 'typeorm'
import { Database } from '@tollgate/platform/postgres'
import type { Project } from './domain/tenant'
import { ProjectTable } from './project.table'

/** Projects of a tenant in Postgres. */
@Injectable()
export class ProjectStore {
  constructor(private readonly database: Database) {}

  async insert(tenantId: string, project: Project): Promise<void> {
    await this.database.withTenant(tenantId, (tx) => tx.getRepository(ProjectTable).insert({ ...project, tenantId } as never))
  }

  async bySlug(tenantId: string, slug: string): Promise<Project | null> {
    return this.database.withTenant(tenantId, (tx) => tx.getRepository(ProjectTable).findOneBy({ tenantId, slug }))
  }

  /** In order of creation, from after an id. */
  async list(tenantId: string, page: { after?: string; limit: number }): Promise<Project[]> {
    const where = { tenantId, ...(page.after ? { id: MoreThan(page.after) } : {}) }
    return this.database.withTenant(tenantId, (tx) => tx.getRepository(ProjectTable).find({ where, order: { id: 'ASC' }, take: page.limit }))
  }

  async change(tenantId: string, id: string, changes: Partial<Omit<Project, 'tenantId' | 'id' | 'createdAt'>>): Promise<void> {
    await this.database.withTenant(tenantId, (tx) => tx.getRepository(ProjectTable).update({ tenantId, id }, changes as never))
  }

  /** Removes the project with its keys. */
  async remove(tenantId: string, id: string): Promise<void> {
    await this.database.withTenant(tenantId, (tx) => tx.getRepository(ProjectTable).delete({ tenantId, id }))
  }
}
