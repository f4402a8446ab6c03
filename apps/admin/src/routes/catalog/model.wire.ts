import type { ModelAdminService } from '@tollgate/catalog'
import type { Holding } from '@tollgate/catalog/versions'
import { instantReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { given } from '../tenants/tenant.wire'
import type { ChangeModelBody } from './model.schema'
import { heldReply, heldWire } from './model-version.wire'

type ModelEntry = Awaited<ReturnType<ModelAdminService['get']>>
type Listed = Omit<Awaited<ReturnType<ModelAdminService['withStatus']>>[number], 'status'> & { readonly status: z.output<typeof modelStatus>; readonly holdings: readonly Holding[] }

const modelStatus = z
  .enum(['available', 'missing', 'pending', 'pulling', 'creating', 'failed'])
  .meta({ description: 'available: a host that takes calls holds it. missing: none does. pending: none ever did. pulling, creating, failed: how its last job stands' })

const describedReply = z.strictObject({
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  version: z.string().nullable(),
  base_model: z.string().nullable(),
  modelfile: z.string().nullable(),
  show_in_ui: z.boolean(),
  auto_preload: z.boolean(),
  is_free: z.boolean(),
  context_length: z.int().nullable(),
  max_output_tokens: z.int().nullable(),
  num_ctx: z.int().nullable(),
  keep_alive: z.string().nullable(),
  retry_ambiguous: z.boolean(),
  size: z.int().nullable().meta({ description: 'Bytes; null where no host told' }),
  labels: z.record(z.string(), z.unknown()),
  parameters: z.record(z.string(), z.unknown()).meta({ description: "What is filled in where a caller says nothing, in OpenAI's spelling" }),
  prompt: z.string().nullable(),
  fallbacks: z.array(z.string()).readonly(),
  mcp_servers: z.array(z.string()).readonly(),
  current_version: z.int().nullable(),
  ...heldReply.shape,
  origin: z.enum(['operator', 'discovered']),
  hosts: z.array(z.string()).meta({ description: 'Those that hold it and take calls' }),
  created_at: instantReply,
  last_updated: instantReply,
  status: modelStatus,
})

type ModelWire = z.output<typeof describedReply>

/** A catalogue entry as the wire has it. Flags are repeated at the top, where their writers look for them. */
const modelReply: z.ZodType<ModelWire> = describedReply.catchall(z.boolean()).meta({ id: 'Model' })

export function modelWire({ entry, status, holders, holdings }: Listed): ModelWire {
  return {
    ...flagsOf(entry),
    name: entry.name,
    display_name: entry.displayName,
    description: entry.description,
    version: entry.version,
    base_model: entry.baseModel,
    modelfile: entry.modelfile,
    show_in_ui: entry.showInUi,
    auto_preload: entry.autoPreload,
    is_free: entry.isFree,
    context_length: entry.contextLength,
    max_output_tokens: entry.maxOutputTokens,
    num_ctx: entry.numCtx,
    keep_alive: entry.keepAlive,
    retry_ambiguous: entry.mayRetryAmbiguous,
    size: entry.sizeBytes,
    labels: entry.labels,
    parameters: entry.parameters,
    prompt: entry.prompt,
    fallbacks: entry.fallbacks,
    mcp_servers: entry.mcpServers,
    current_version: entry.currentVersion,
    ...heldWire(entry.name, entry.pinnedDigest, holdings),
    origin: entry.origin,
    hosts: holders,
    created_at: entry.createdAt,
    last_updated: entry.updatedAt,
    status,
  }
}

const baseReply = z.strictObject({ display_name: z.string(), description: z.string(), size: z.int().nullable(), status: modelStatus })

/** The whole catalogue in the shape of product.md 3. Base models are those that others are made from. */
export const catalogReply = z
  .strictObject({
    default_model: z.string().nullable(),
    models: z.record(z.string(), modelReply),
    base_models: z.record(z.string(), baseReply),
    last_updated: instantReply.nullable(),
    items: z.array(modelReply),
  })
  .meta({ id: 'Catalogue' })

export function catalogWire(listed: readonly Listed[], defaultModel: string | null): z.output<typeof catalogReply> {
  const items = listed.map(modelWire)
  const bases = new Set(items.flatMap((item) => (item.base_model ? [item.base_model] : [])))
  const latest = listed.reduce<Date | null>((last, { entry }) => (last && last >= entry.updatedAt ? last : entry.updatedAt), null)
  return {
    default_model: defaultModel,
    models: Object.fromEntries(items.map((item) => [item.name, item])),
    base_models: Object.fromEntries([...bases].sort().map((name) => [name, baseWire(name, items.find((item) => item.name === name))])),
    last_updated: latest,
    items,
  }
}

/** One that the catalogue does not know is missing: nothing can be made from it. */
function baseWire(name: string, item: ModelWire | undefined): z.output<typeof baseReply> {
  if (!item) return { display_name: name, description: '', size: null, status: 'missing' }
  const { display_name, description, size, status } = item
  return { display_name, description, size, status }
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
    numCtx: body.num_ctx,
    keepAlive: body.keep_alive,
    mayRetryAmbiguous: body.retry_ambiguous,
    isFree: body.is_free,
    showInUi: body.show_in_ui,
    autoPreload: body.auto_preload,
    labels: body.labels,
    parameters: body.parameters,
    prompt: body.prompt,
    fallbacks: body.fallbacks,
    mcpServers: body.mcp_servers,
  })
}

function flagsOf(entry: ModelEntry): Record<string, boolean> {
  return Object.fromEntries(Object.entries(entry.labels).filter((pair): pair is [string, boolean] => typeof pair[1] === 'boolean'))
}
