import { Injectable } from '@nestjs/common'
import { MoreThan } from 'typeorm'
import { Database } from '@tollgate/platform/postgres'
import type { Tenant } from './domain/tenant'
import { TenantTable } from './tenant.table'

/** What may be written of a tenant after its creation. */
export type TenantChanges = Partial<Omit<Tenant, 'id' | 'slug' | 'currency' | 'bucket' | 'authEpoch' | 'createdAt' | 'updatedAt'>>

/** Tenants in Postgres, for the control plane. */
@Injectable()
export class TenantStore {
  constructor(private readonly database: Database) {}

  async insert(tenant: Tenant): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(TenantTable).insert(tenant as never))
  }

  async bySlug(slug: string): Promise<Tenant | null> {
    return this.database.asPlatform((tx) => tx.getRepository(TenantTable).findOneBy({ slug }))
  }

  /** In order of creation, from after an id. */
  async list(page: { after?: string; limit: number }): Promise<Tenant[]> {
    const where = page.after ? { id: MoreThan(page.after) } : {}
    return this.database.asPlatform((tx) => tx.getRepository(TenantTable).find({ where, order: { id: 'ASC' }, take: page.limit }))
  }

  /** Writes the changes and raises the epoch in one statement, so that no gateway can see one without the other. */
  async change(tenantId: string, changes: TenantChanges): Promise<Tenant | null> {
    return this.database.asPlatform(async (tx) => {
      const tenants = tx.getRepository(TenantTable)
      await tenants.update({ id: tenantId }, { ...changes, authEpoch: () => 'auth_epoch + 1', updatedAt: () => 'now()' } as never)
      return tenants.findOneBy({ id: tenantId })
    })
  }

  async remove(tenantId: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(TenantTable).delete({ id: tenantId }))
  }

  /** Usage and payments are kept for ever (ledger, credit_grant), so a tenant that ever used or paid anything stays. */
  async hasBooks(tenantId: string): Promise<boolean> {
    const [row] = await this.database.query<{ used: boolean }>('SELECT EXISTS (SELECT 1 FROM ledger WHERE tenant_id = $1) OR EXISTS (SELECT 1 FROM credit_grant WHERE tenant_id = $1) AS used', [tenantId])
    return row!.used
  }
}
