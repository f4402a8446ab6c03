import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import { VersionStore } from './version.store'
import type { CatalogModel, FoundModel, ModelCapabilities } from './domain/model'
import type { Prompt } from './domain/prompt'
import { PROMPTS_IN_FORCE } from './prompt.store'

interface ModelRow {
  name: string
  display_name: string
  description: string
  version: string | null
  base_model: string | null
  context_length: number | null
  max_output_tokens: number | null
  num_ctx: number | null
  keep_alive: string | null
  retry_ambiguous: boolean
  capabilities: string[]
  details: Record<string, unknown>
  size_bytes: string | null
  is_free: boolean
  show_in_ui: boolean
  auto_preload: boolean
  labels: Record<string, unknown>
  parameters: Record<string, unknown>
  prompt: string | null
  fallbacks: string[]
  mcp_servers: string[]
  named_prompt: Prompt | null
  origin: 'operator' | 'discovered'
  created_at: Date
  updated_at: Date
}

/** Models in Postgres. */
@Injectable()
export class ModelStore {
  constructor(
    private readonly database: Database,
    private readonly versions: VersionStore,
  ) {}

  async all(): Promise<CatalogModel[]> {
    const rows = await this.database.query<ModelRow>(`SELECT m.*, (SELECT to_jsonb(p) FROM ${PROMPTS_IN_FORCE} p WHERE m.name = ANY (p.models) LIMIT 1) AS named_prompt FROM model m ORDER BY m.name`)
    return rows.map(modelOf)
  }

  /**
   * Adds what discovery found and fills in what the hosts know better (size, details, capabilities, context length).
   * A host that says nothing of one (an OpenAI-compatible list knows names only) takes nothing away; what an operator
   * wrote (names, flags, labels, a context length of theirs) is left alone. @returns true when anything changed
   */
  async register(found: readonly FoundModel[]): Promise<boolean> {
    if (found.length === 0) return false
    const body = found.map((model) => ({ name: model.name, size_bytes: model.sizeBytes, details: model.details, capabilities: model.capabilities, context_length: model.contextLength }))
    return this.database.asPlatform(async (tx) => {
      const rows = await tx.query<unknown[]>(
        `INSERT INTO model AS m (name, display_name, size_bytes, details, capabilities, context_length, origin)
         SELECT DISTINCT ON (f.name) f.name, f.name, f.size_bytes, f.details, f.capabilities, f.context_length, 'discovered'
         FROM jsonb_to_recordset($1::jsonb) AS f(name text, size_bytes bigint, details jsonb, capabilities jsonb, context_length integer) ORDER BY f.name
         ON CONFLICT (name) DO UPDATE SET size_bytes = coalesce(excluded.size_bytes, m.size_bytes), details = coalesce(nullif(excluded.details, '{}'), m.details),
           capabilities = coalesce(nullif(excluded.capabilities, '[]'), m.capabilities), context_length = CASE WHEN m.is_context_set THEN m.context_length ELSE coalesce(excluded.context_length, m.context_length) END, updated_at = now()
         WHERE (m.size_bytes, m.details, m.capabilities, m.context_length) IS DISTINCT FROM (coalesce(excluded.size_bytes, m.size_bytes), coalesce(nullif(excluded.details, '{}'), m.details),
           coalesce(nullif(excluded.capabilities, '[]'), m.capabilities), CASE WHEN m.is_context_set THEN m.context_length ELSE coalesce(excluded.context_length, m.context_length) END)
         RETURNING m.name`,
        [JSON.stringify(body)],
      )
      await this.versions.noteDigests(tx, found)
      return rows.length > 0
    })
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
    numCtx: row.num_ctx,
    keepAlive: row.keep_alive,
    mayRetryAmbiguous: row.retry_ambiguous,
    capabilities: capabilitiesOf(row),
    details: row.details,
    sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
    isFree: row.is_free,
    showInUi: row.show_in_ui,
    autoPreload: row.auto_preload,
    labels: row.labels,
    parameters: row.parameters,
    prompt: row.prompt,
    fallbacks: row.fallbacks,
    mcpServers: row.mcp_servers,
    namedPrompt: row.named_prompt,
    origin: row.origin,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function capabilitiesOf(row: ModelRow): ModelCapabilities {
  const names = Array.isArray(row.capabilities) ? row.capabilities : []
  const has = (name: string) => names.includes(name)
  return { contextLength: row.context_length, isKnown: names.length > 0, vision: has('vision'), tools: has('tools'), embedding: has('embedding'), thinking: has('thinking') }
}
