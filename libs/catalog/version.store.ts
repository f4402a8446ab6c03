import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { Drift, Holding, ModelDefinition, ModelVersion } from './domain/model-version'
import { drifts } from './domain/model-version'

interface VersionRow {
  model: string
  version: number
  cause: ModelVersion['cause']
  modelfile: string | null
  base_model: string | null
  parameters: Record<string, unknown>
  prompt: string | null
  digest: string | null
  created_at: Date
}

/** Versions of models in Postgres, and what hosts hold of each. Whoever writes a version holds the lock of its model's row. */
@Injectable()
export class VersionStore {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  async list(model: string): Promise<ModelVersion[]> {
    const rows = await this.database.query<VersionRow>('SELECT * FROM model_version WHERE model = $1 ORDER BY version DESC', [model])
    return rows.map(({ base_model: baseModel, created_at: createdAt, ...row }) => ({ ...row, baseModel, createdAt }))
  }

  /** Adds the next version and makes it the current one. `digest`: of weights that the change leaves as they are. */
  async append(tx: Tx, model: string, { modelfile, baseModel, parameters, prompt }: ModelDefinition, digest: string | null): Promise<void> {
    await tx.query(
      `WITH added AS (
         INSERT INTO model_version (model, version, cause, modelfile, base_model, parameters, prompt, digest)
         SELECT $1, coalesce(max(version), 0) + 1, 'definition', $2, $3, $4::jsonb, $5, $6 FROM model_version WHERE model = $1 RETURNING version)
       UPDATE model SET current_version = added.version FROM added WHERE name = $1`,
      [model, modelfile, baseModel, JSON.stringify(parameters), prompt, digest],
    )
  }

  /** The digest of a version; null when it has none. */
  async digestOf(tx: Tx, model: string, version: number | null): Promise<string | null> {
    const [row] = await tx.query<{ digest: string | null }[]>('SELECT digest FROM model_version WHERE model = $1 AND version = $2', [model, version])
    return row?.digest ?? null
  }

  /**
   * Digests that no version has yet: the last version's, if it is still to be built, or else a version of its own. While a
   * model is pinned its current version stays: what its hosts hold besides serves nobody.
   */
  async noteDigests(tx: Tx, found: readonly { name: string; digest: string | null }[]): Promise<void> {
    const unknown = await tx.query<{ name: string; digest: string }[]>(
      `SELECT DISTINCT f.name, f.digest FROM jsonb_to_recordset($1::jsonb) AS f(name text, digest text)
       WHERE f.digest IS NOT NULL AND NOT EXISTS (SELECT FROM model_version v WHERE v.model = f.name AND v.digest = f.digest) ORDER BY 1, 2`,
      [JSON.stringify(found.map(({ name, digest }) => ({ name, digest })))],
    )
    for (const { name, digest } of unknown) await this.noteDigest(tx, name, digest)
  }

  /** What enabled hosts hold. SQL: hosts and deployments belong to another room. @param model of this one only */
  async holdings(model: string | null = null): Promise<Holding[]> {
    return this.database.query<Holding>(
      `SELECT d.model, h.name AS host, d.digest, ARRAY(SELECT jsonb_object_keys(d.kept)) AS kept FROM deployment d JOIN host h ON h.id = d.host_id
       WHERE h.enabled AND ($1::text IS NULL OR d.model = $1) ORDER BY d.model, h.name`,
      [model],
    )
  }

  /** Models whose hosts hold different weights, or others than they are pinned to. */
  async drifts(): Promise<Drift[]> {
    const [holdings, pinned] = await Promise.all([this.holdings(), this.database.query<{ name: string; digest: string }>('SELECT name, pinned_digest AS digest FROM model WHERE pinned_digest IS NOT NULL')])
    return drifts(holdings, new Map(pinned.map(({ name, digest }) => [name, digest])))
  }

  /** Puts a version's definition in force, with the digest its calls are held to. */
  async restore(version: ModelVersion, pinnedDigest: string | null): Promise<void> {
    await this.database.query('UPDATE model SET modelfile = $2, base_model = $3, parameters = $4::jsonb, prompt = $5, current_version = $6, pinned_digest = $7, updated_at = now() WHERE name = $1', [
      version.model, version.modelfile, version.baseModel, JSON.stringify(version.parameters), version.prompt, version.version, pinnedDigest,
    ])
  }

  async pin(model: string, digest: string | null): Promise<void> {
    await this.database.query('UPDATE model SET pinned_digest = $2, updated_at = now() WHERE name = $1', [model, digest])
  }

  private async noteDigest(tx: Tx, model: string, digest: string): Promise<void> {
    const [entry] = await tx.query<{ pinned: boolean }[]>('SELECT pinned_digest IS NOT NULL AS pinned FROM model WHERE name = $1 FOR UPDATE', [model])
    const versions = await tx.query<{ version: number; digest: string | null }[]>('SELECT version, digest FROM model_version WHERE model = $1 ORDER BY version DESC', [model])
    // Another process may have seen it in the meantime.
    if (!entry || versions.some((version) => version.digest === digest)) return
    const [last] = versions
    if (last?.digest === null) {
      await tx.query('UPDATE model_version SET digest = $3 WHERE model = $1 AND version = $2', [model, last.version, digest])
      return
    }
    const version = (last?.version ?? 0) + 1
    await tx.query(`INSERT INTO model_version (model, version, cause, modelfile, base_model, parameters, prompt, digest) SELECT name, $2, 'digest', modelfile, base_model, parameters, prompt, $3 FROM model WHERE name = $1`, [model, version, digest])
    if (!entry.pinned) await tx.query('UPDATE model SET current_version = $2 WHERE name = $1', [model, version])
  }
}
