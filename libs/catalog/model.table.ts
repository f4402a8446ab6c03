import { EntitySchema } from 'typeorm'
import { countColumn } from '@tollgate/platform/postgres'
import type { ModelEntry } from './domain/model-entry'

/** `model` of migrations 0002 and 0045. */
export const ModelTable = new EntitySchema<ModelEntry>({
  name: 'model',
  columns: {
    name: { type: 'text', primary: true, primaryKeyConstraintName: 'model_pk' },
    displayName: { name: 'display_name', type: 'text' },
    description: { type: 'text', default: '' },
    version: { type: 'text', nullable: true },
    baseModel: { name: 'base_model', type: 'text', nullable: true },
    modelfile: { type: 'text', nullable: true },
    contextLength: { name: 'context_length', type: 'integer', nullable: true },
    maxOutputTokens: { name: 'max_output_tokens', type: 'integer', nullable: true },
    numCtx: { name: 'num_ctx', type: 'integer', nullable: true },
    keepAlive: { name: 'keep_alive', type: 'text', nullable: true },
    mayRetryAmbiguous: { name: 'retry_ambiguous', type: 'boolean', default: false },
    isContextSet: { name: 'is_context_set', type: 'boolean', default: false },
    capabilities: { type: 'jsonb', default: {} },
    details: { type: 'jsonb', default: {} },
    sizeBytes: countColumn('size_bytes', { nullable: true }),
    isFree: { name: 'is_free', type: 'boolean', default: false },
    showInUi: { name: 'show_in_ui', type: 'boolean', default: true },
    autoPreload: { name: 'auto_preload', type: 'boolean', default: false },
    labels: { type: 'jsonb', default: {} },
    parameters: { type: 'jsonb', default: {} },
    fallbacks: { type: 'text', array: true, default: () => "'{}'" },
    mcpServers: { name: 'mcp_servers', type: 'text', array: true, default: () => "'{}'" },
    prompt: { type: 'text', nullable: true },
    pinnedDigest: { name: 'pinned_digest', type: 'text', nullable: true },
    currentVersion: { name: 'current_version', type: 'integer', nullable: true },
    origin: { type: 'text' },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
    updatedAt: { name: 'updated_at', type: 'timestamptz', default: () => 'now()' },
  },
  checks: [
    { name: 'model_name_form', expression: 'length(name) BETWEEN 1 AND 200' },
    { name: 'model_context_positive', expression: 'context_length > 0' },
    { name: 'model_num_ctx_positive', expression: 'num_ctx > 0' },
    { name: 'model_output_positive', expression: 'max_output_tokens > 0' },
    { name: 'model_origin_known', expression: `origin IN ('operator', 'discovered')` },
  ],
})
