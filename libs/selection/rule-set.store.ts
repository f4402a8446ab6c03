import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { StoredRuleSet } from './domain/stored-rule-set'

interface RuleSetRow {
  id: string
  tenant_id: string | null
  name: string
  description: string
  is_default: boolean
  rules: StoredRuleSet['rules']
  otherwise: StoredRuleSet['otherwise']
  changed_by: string
  changed_at: Date
}

/** Rule sets in Postgres. A null tenant means the operator's, never "any". */
@Injectable()
export class RuleSetStore {
  constructor(private readonly database: Database) {}

  /** The operator's, by name. */
  async shared(): Promise<StoredRuleSet[]> {
    return this.database.asPlatform((tx) => read(tx, null))
  }

  /** A tenant's own, by name; for gateways (role tg_app). */
  async ofTenant(tenantId: string): Promise<StoredRuleSet[]> {
    return this.database.withTenant(tenantId, (tx) => read(tx, tenantId))
  }

  /** Of either scope, for the control plane (role tg_admin). */
  async list(tenantId: string | null): Promise<StoredRuleSet[]> {
    return this.database.asPlatform((tx) => read(tx, tenantId))
  }

  /** Creates or replaces; of a scope one set at most is the default. */
  async put(set: StoredRuleSet): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      if (set.isDefault) await tx.query('UPDATE rule_set SET is_default = false WHERE tenant_id IS NOT DISTINCT FROM $1 AND name <> $2 AND is_default', [set.tenantId, set.name])
      await tx.query(
        `INSERT INTO rule_set (id, tenant_id, name, description, is_default, rules, otherwise, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8, $9)
         ON CONFLICT ON CONSTRAINT rule_set_name_key DO UPDATE SET description = excluded.description, is_default = excluded.is_default, rules = excluded.rules,
           otherwise = excluded.otherwise, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
        [set.id, set.tenantId, set.name, set.description, set.isDefault, JSON.stringify(set.rules), JSON.stringify(set.otherwise), set.changedBy, set.changedAt],
      )
    })
  }

  /** @returns false when there was none */
  async remove(tenantId: string | null, name: string): Promise<boolean> {
    const [, removed] = await this.database.asPlatform((tx) => tx.query<[unknown, number]>('DELETE FROM rule_set WHERE tenant_id IS NOT DISTINCT FROM $1 AND name = $2', [tenantId, name]))
    return removed > 0
  }
}

async function read(tx: Tx, tenantId: string | null): Promise<StoredRuleSet[]> {
  const rows = await tx.query<RuleSetRow[]>('SELECT * FROM rule_set WHERE tenant_id IS NOT DISTINCT FROM $1 ORDER BY name', [tenantId])
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id, name: row.name, description: row.description, isDefault: row.is_default, rules: row.rules, otherwise: row.otherwise, changedBy: row.changed_by, changedAt: row.changed_at }))
}
