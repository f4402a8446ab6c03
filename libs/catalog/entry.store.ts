import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { ModelEntry } from './domain/model-entry'
import { ModelTable } from './model.table'

/** Catalogue entries in Postgres, for the control plane. Gateways read through model.store.ts. */
@Injectable()
export class EntryStore {
  constructor(private readonly database: Database) {}

  /** All, by name: the catalogue is small. */
  async list(): Promise<ModelEntry[]> {
    return this.database.asPlatform((tx) => tx.getRepository(ModelTable).find({ order: { name: 'ASC' } }))
  }

  /** Names of the hosts that hold a model and take calls, by model. SQL: hosts belong to another room. */
  async holders(): Promise<Map<string, string[]>> {
    const rows = await this.database.query<{ model: string; hosts: string[] }>(
      `SELECT d.model, array_agg(h.name ORDER BY h.name) AS hosts FROM deployment d JOIN host h ON h.id = d.host_id
       WHERE h.enabled AND NOT h.drain AND h.status <> 'unhealthy' GROUP BY d.model`,
    )
    return new Map(rows.map((row) => [row.model, row.hosts]))
  }

  async find(name: string): Promise<ModelEntry | null> {
    return this.database.asPlatform((tx) => tx.getRepository(ModelTable).findOneBy({ name }))
  }

  async insert(entry: ModelEntry): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(ModelTable).insert(entry as never))
  }

  async change(name: string, changes: Partial<Omit<ModelEntry, 'name' | 'createdAt' | 'updatedAt'>>): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(ModelTable).update({ name }, { ...changes, updatedAt: () => 'now()' } as never))
  }

  async remove(name: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(ModelTable).delete({ name }))
  }

  /** Names of models without any price row of their own or of `*`, and not marked free: they cannot be served. */
  async withoutPrice(names: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ name: string }>(
      `SELECT m.name FROM model m WHERE m.name = ANY ($1) AND NOT m.is_free AND NOT EXISTS (SELECT 1 FROM price p WHERE p.model IN (m.name, '*')) ORDER BY m.name`,
      [names],
    )
    return rows.map((row) => row.name)
  }
}
