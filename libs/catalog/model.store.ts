import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import type { CatalogModel, FoundModel, ModelCapabilities } from './domain/model'

interface ModelRow {
  name: string
  display_name: string
  description: string
  version: string | null
  base_model: string | null
  context_length: number | null
  max_output_tokens: number | null
  capabilities: string[]
  details: Record<string, unknown>
  size_bytes: string | null
  is_free: boolean
  show_in_ui: boolean
  auto_preload: boolean
  labels: Record<string, unknown>
  origin: 'operator' | 'discovered'
  created_at: Date
  updated_at: Date
}

/** Models in Postgres. */
@Injectable()
export class ModelStore {
  constructor(private readonly database: Database) {}

  async all(): Promise<CatalogModel[]> {
    const rows = await this.database.query<ModelRow>('SELECT * FROM model ORDER BY name')
    return rows.map(modelOf)
  }

  /**
   * Adds what discovery found and fills in what the hosts know better (size, details, capabilities, context length).
   * What an operator wrote (names, flags, labels) is left alone. @returns true when anything changed
   */
  async register(found: readonly FoundModel[]): Promise<boolean> {
    if (found.length === 0) return false
    const body = found.map((model) => ({ name: model.name, size_bytes: model.sizeBytes, details: model.details, capabilities: model.capabilities, context_length: model.contextLength }))
    const rows = await this.database.asPlatform((tx) =>
      tx.query<unknown[]>(
        `INSERT INTO model AS m (name, display_name, size_bytes, details, capabilities, context_length, origin)
         SELECT DISTINCT ON (f.name) f.name, f.name, f.size_bytes, f.details, f.capabilities, f.context_length, 'discovered'
         FROM jsonb_to_recordset($1::jsonb) AS f(name text, size_bytes bigint, details jsonb, capabilities jsonb, context_length integer) ORDER BY f.name
         ON CONFLICT (name) DO UPDATE SET size_bytes = excluded.size_bytes, details = excluded.details, capabilities = excluded.capabilities,
           context_length = coalesce(excluded.context_length, m.context_length), updated_at = now()
         WHERE (m.size_bytes, m.details, m.capabilities) IS DISTINCT FROM (excluded.size_bytes, excluded.details, excluded.capabilities)
         RETURNING m.name`,
        [JSON.stringify(body)],
      ),
    )
    return rows.length > 0
  }
}

function modelOf(row: ModelRow): CatalogModel {
  return {
    name: row.name,
    displayName: row.display_name,
    description: row.description,
    version: row.version,
    baseModel: row.base_model,
    contextLength: row.context_length,
    maxOutputTokens: row.max_output_tokens,
    capabilities: capabilitiesOf(row),
    details: row.details,
    sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
    isFree: row.is_free,
    showInUi: row.show_in_ui,
    autoPreload: row.auto_preload,
    labels: row.labels,
    origin: row.origin,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function capabilitiesOf(row: ModelRow): ModelCapabilities {
  const names = Array.isArray(row.capabilities) ? row.capabilities : []
  const has = (name: string) => names.includes(name)
  return { contextLength: row.context_length, vision: has('vision'), tools: has('tools'), embedding: has('embedding'), thinking: has('thinking') }
}
