import type { ModelAdminService } from '@tollgate/catalog'
import { given } from '../tenants/tenant.wire'
import type { ChangeModelBody } from './model.schema'

type ModelEntry = Awaited<ReturnType<ModelAdminService['get']>>
type Listed = Awaited<ReturnType<ModelAdminService['withStatus']>>[number]

/** A catalogue entry as the wire has it. Flags are repeated at the top, where their writers look for them. */
export function modelWire({ entry, status, holders }: Listed) {
  return {
    ...flagsOf(entry),
    name: entry.name,
    display_name: entry.displayName,
    description: entry.description,
    version: entry.version,
    base_model: entry.baseModel,
    modelfile: null,
    show_in_ui: entry.showInUi,
    auto_preload: entry.autoPreload,
    is_free: entry.isFree,
    context_length: entry.contextLength,
    max_output_tokens: entry.maxOutputTokens,
    size: entry.sizeBytes,
    labels: entry.labels,
    origin: entry.origin,
    hosts: holders,
    created_at: entry.createdAt,
    last_updated: entry.updatedAt,
    status,
  }
}

/** The whole catalogue in the shape of product.md 3. Base models are those that others are made from. */
export function catalogWire(listed: readonly Listed[], defaultModel: string | null) {
  const items = listed.map(modelWire)
  const bases = new Set(items.flatMap((item) => (item.base_model ? [item.base_model] : [])))
  const latest = listed.reduce<Date | null>((last, { entry }) => (last && last >= entry.updatedAt ? last : entry.updatedAt), null)
  return {
    default_model: defaultModel,
    models: Object.fromEntries(items.map((item) => [item.name, item])),
    base_models: Object.fromEntries(
      items.filter((item) => bases.has(item.name)).map(({ name, display_name, description, size, status }) => [name, { display_name, description, size, status }]),
    ),
    last_updated: latest,
    items,
  }
}

/** Fields of a body in the domain's names. */
export function modelFields(body: ChangeModelBody) {
  return given({
    displayName: body.display_name,
    description: body.description,
    version: body.version,
    baseModel: body.base_model,
    contextLength: body.context_length,
    maxOutputTokens: body.max_output_tokens,
    isFree: body.is_free,
    showInUi: body.show_in_ui,
    autoPreload: body.auto_preload,
    labels: body.labels,
  })
}

function flagsOf(entry: ModelEntry): Record<string, boolean> {
  return Object.fromEntries(Object.entries(entry.labels).filter((pair): pair is [string, boolean] => typeof pair[1] === 'boolean'))
}
