import { Injectable } from '@nestjs/common'
import { IsNull, MoreThan } from 'typeorm'
import { Database } from '@tollgate/platform/postgres'
import { AliasTable, type AliasEntry } from './alias.table'
import { PriceTable, type PriceEntry } from './price.table'

/** What a scope of names is: the platform (both null), a tier or a tenant. */
export interface AliasScope {
  readonly tenantId: string | null
  readonly tier: string | null
}

/** Aliases and prices in Postgres, for the control plane. A null tenant means the platform's, never "any". */
@Injectable()
export class TariffStore {
  constructor(private readonly database: Database) {}

  async aliases({ tenantId, tier }: AliasScope): Promise<AliasEntry[]> {
    const where = { tenantId: tenantId ?? IsNull(), tier: tier ?? IsNull() }
    return this.database.asPlatform((tx) => tx.getRepository(AliasTable).find({ where, order: { name: 'ASC' } }))
  }

  /** Creates or re-points. */
  async putAlias(alias: AliasEntry): Promise<void> {
    await this.database.asPlatform((tx) =>
      tx.query(
        `INSERT INTO alias (id, tenant_id, tier, name, target, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT alias_name_key DO UPDATE SET target = excluded.target`,
        [alias.id, alias.tenantId, alias.tier, alias.name, alias.target, alias.createdAt],
      ),
    )
  }

  /** @returns false when there was none */
  async removeAlias({ tenantId, tier }: AliasScope, name: string): Promise<boolean> {
    const result = await this.database.asPlatform((tx) => tx.getRepository(AliasTable).delete({ tenantId: tenantId ?? IsNull(), tier: tier ?? IsNull(), name }))
    return (result.affected ?? 0) > 0
  }

  async addPrice(price: PriceEntry): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(PriceTable).insert(price))
  }

  /** In order of creation, from after an id; superseded rows stay in the list. */
  async prices(page: { after?: string; limit: number; model?: string; tenantId?: string }): Promise<PriceEntry[]> {
    const where = { ...(page.model ? { model: page.model } : {}), ...(page.tenantId ? { tenantId: page.tenantId } : {}), ...(page.after ? { id: MoreThan(page.after) } : {}) }
    return this.database.asPlatform((tx) => tx.getRepository(PriceTable).find({ where, order: { id: 'ASC' }, take: page.limit }))
  }
}
