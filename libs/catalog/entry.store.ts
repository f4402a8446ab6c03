import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { ModelEntry } from './domain/model-entry'
import { isSameDefinition } from './domain/model-version'
import { ModelTable } from './model.table'
import { VersionStore } from './version.store'

/** Catalogue entries in Postgres, for the control plane. Gateways read through model.store.ts. */
@Injectable()
export class EntryStore {
  constructor(
    private readonly database: Database,
    private readonly versions: VersionStore,
  ) {}

  /** All, by name: the catalogue is small. */
  async list(): Promise<ModelEntry[]> {
    return this.database.asPlatform((tx) => tx.getRepository(ModelTable).find({ order: { name: 'ASC' } }))
  }

  /** Names of the hosts that hold a model and take calls, by model. SQL: hosts belong to another room. */
  async holders(): Promise<Map<string, string[]>> {
    const rows = await this.database.query<{ model: string; hosts: string[] }>(
      `SELECT d.model, array_agg(h.name ORDER BY h.name) AS hosts FROM deployment d JOIN host h ON h.id = d.host_id
       LEFT JOIN model m ON m.name = d.model
       WHERE h.enabled AND NOT h.drain AND h.status <> 'unhealthy' AND (m.pinned_digest IS NULL OR d.digest = m.pinned_digest OR d.kept ? m.pinned_digest) GROUP BY d.model`,
    )
    return new Map(rows.map((row) => [row.model, row.hosts]))
  }

  async find(name: string): Promise<ModelEntry | null> {
    return this.database.asPlatform((tx) => tx.getRepository(ModelTable).findOneBy({ name }))
  }

  async insert(entry: ModelEntry): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.getRepository(ModelTable).insert(entry as never)
      await this.versions.append(tx, entry.name, entry, null)
    })
  }

  /** Keeps another version when the change makes the model another; one that was never kept is kept as it was, too. */
  async change(name: string, changes: Partial<Omit<ModelEntry, 'name' | 'createdAt' | 'updatedAt'>>): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      const models = tx.getRepository(ModelTable)
      const before = await models.findOne({ where: { name }, lock: { mode: 'pessimistic_write' } })
      await models.update({ name }, { ...changes, updatedAt: () => 'now()' } as never)
      const after = { ...before!, ...changes }
      if (!before || isSameDefinition(before, after)) return
      if (before.currentVersion === null) await this.versions.append(tx, name, before, null)
      const isRebuilt = before.modelfile !== after.modelfile
      await this.versions.append(tx, name, after, isRebuilt ? null : await this.versions.digestOf(tx, name, before.currentVersion))
    })
  }

  async remove(name: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(ModelTable).delete({ name }))
  }

  /**
   * Names of models without any price row of their own or of `*` for a provider that holds them, and not marked free:
   * they cannot be served. A list price of a cloud's model says nothing of one of the same name on a host of ours.
   */
  async withoutPrice(names: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ name: string }>(
      `SELECT m.name FROM model m WHERE m.name = ANY ($1) AND NOT m.is_free AND NOT EXISTS (
         SELECT 1 FROM price p WHERE p.model IN (m.name, '*')
           AND (p.provider IS NULL OR p.provider IN (SELECT h.provider FROM deployment d JOIN host h ON h.id = d.host_id WHERE d.model = m.name)))
       ORDER BY m.name`,
      [names],
    )
    return rows.map((row) => row.name)
  }
}
