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

/** One change of an alias; a null `from` made it, a null `to` removed it. */
export interface AliasChange {
  readonly id: string
  readonly from: string | null
  readonly to: string | null
  /** Account of who did it. */
  readonly changedBy: string
  readonly changedAt: Date
}

interface AliasChangeRow {
  id: string
  from_target: string | null
  to_target: string | null
  changed_by: string
  changed_at: Date
}

/** Aliases and prices in Postgres, for the control plane. A null tenant means the platform's, never "any". */
@Injectable()
export class TariffStore {
  constructor(private readonly database: Database) {}

  async aliases({ tenantId, tier }: AliasScope): Promise<AliasEntry[]> {
    const where = { tenantId: tenantId ?? IsNull(), tier: tier ?? IsNull() }
    return this.database.asPlatform((tx) => tx.getRepository(AliasTable).find({ where, order: { name: 'ASC' } }))
  }

  /** Creates or re-points, and keeps what it was; nothing is kept of a write that changes nothing. */
  async putAlias(alias: AliasEntry, { id, changedBy }: Pick<AliasChange, 'id' | 'changedBy'>): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.query(
        `INSERT INTO alias_change (id, tenant_id, tier, name, from_target, to_target, changed_by, changed_at)
         SELECT $1, $2::uuid, $3::text, $4::text, old.target, $5::text, $6, $7 FROM (SELECT 1) one
           LEFT JOIN alias old ON old.tenant_id IS NOT DISTINCT FROM $2::uuid AND old.tier IS NOT DISTINCT FROM $3::text AND old.name = $4::text
         WHERE old.target IS DISTINCT FROM $5::text`,
        [id, alias.tenantId, alias.tier, alias.name, alias.target, changedBy, alias.createdAt],
      )
      await tx.query(
        `INSERT INTO alias (id, tenant_id, tier, name, target, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT alias_name_key DO UPDATE SET target = excluded.target`,
        [alias.id, alias.tenantId, alias.tier, alias.name, alias.target, alias.createdAt],
      )
    })
  }

  /** @returns false when there was none */
  async removeAlias({ tenantId, tier }: AliasScope, name: string, { id, changedBy, changedAt }: Pick<AliasChange, 'id' | 'changedBy' | 'changedAt'>): Promise<boolean> {
    const rows = await this.database.asPlatform((tx) =>
      tx.query<unknown[]>(
        `WITH gone AS (DELETE FROM alias WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND tier IS NOT DISTINCT FROM $2::text AND name = $3 RETURNING *)
         INSERT INTO alias_change (id, tenant_id, tier, name, from_target, to_target, changed_by, changed_at) SELECT $4, tenant_id, tier, name, target, NULL, $5, $6 FROM gone RETURNING id`,
        [tenantId, tier, name, id, changedBy, changedAt],
      ),
    )
    return rows.length > 0
  }

  /** Latest first; at most 1 000. */
  async aliasChanges({ tenantId, tier }: AliasScope, name: string): Promise<AliasChange[]> {
    const rows = await this.database.asPlatform((tx) =>
      tx.query<AliasChangeRow[]>('SELECT * FROM alias_change WHERE name = $3 AND tenant_id IS NOT DISTINCT FROM $1::uuid AND tier IS NOT DISTINCT FROM $2::text ORDER BY id DESC LIMIT 1000', [tenantId, tier, name]),
    )
    return rows.map((row) => ({ id: row.id, from: row.from_target, to: row.to_target, changedBy: row.changed_by, changedAt: row.changed_at }))
  }

  async addPrice(price: PriceEntry): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(PriceTable).insert(price))
  }

  /** In order of creation, from after an id; superseded rows stay in the list. */
  async prices(page: { after?: string; limit: number; book?: PriceEntry['book']; model?: string; tenantId?: string }): Promise<PriceEntry[]> {
    const where = { ...(page.book ? { book: page.book } : {}), ...(page.model ? { model: page.model } : {}), ...(page.tenantId ? { tenantId: page.tenantId } : {}), ...(page.after ? { id: MoreThan(page.after) } : {}) }
    return this.database.asPlatform((tx) => tx.getRepository(PriceTable).find({ where, order: { id: 'ASC' }, take: page.limit }))
  }
}
