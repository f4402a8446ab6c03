import { canonicalModel, keptModel } from '@tollgate/kernel'
import type { DiscoveredModel } from './host'

const text = (value: unknown): string | null => (typeof value === 'string' && value.length > 0 && value.length <= 300 ? value : null)
const whole = (value: unknown): number | null => (typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null)
const record = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {})
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const names = (value: unknown): string[] => list(value).filter((item): item is string => typeof item === 'string')

/** Ollama reads a name that ends so as one to forward, whatever else it says of it (ollama-api.md 12). */
const CLOUD_NAME = /[:-]cloud$/

/** Does an entry of the list, or what is shown of a model, say that its calls are sent on to a cloud? */
const isRemote = ({ remote_host: host, remote_model: model }: Record<string, unknown>) => Boolean(host) || Boolean(model)

/** Reads Ollama's `/api/tags`. Unusable entries are left out. Recent fields are optional (ollama-api.md 7). */
export function modelsFromTags(body: unknown): DiscoveredModel[] {
  return list(record(body).models).flatMap((entry) => {
    const { name, model, digest, size, modified_at: modifiedAt, details, capabilities } = record(entry)
    const upstreamName = text(name) ?? text(model)
    if (!upstreamName) return []
    const { context_length: contextLength, format, family, parameter_size, quantization_level } = record(details)
    return [
      {
        upstreamName,
        digest: text(digest),
        sizeBytes: whole(size),
        modifiedAt: text(modifiedAt),
        details: { format, family, parameter_size, quantization_level },
        capabilities: names(capabilities),
        contextLength: whole(contextLength),
        kept: {},
        isForwarded: isRemote(record(entry)) || CLOUD_NAME.test(upstreamName),
      },
    ]
  })
}

/** Puts weights that the host keeps for a rollback beside the model they are of: they are no models of their own. */
export function foldKept(listed: readonly DiscoveredModel[]): DiscoveredModel[] {
  const kept = listed.flatMap((model) => {
    const of = keptModel(model.upstreamName)
    return of === null ? [] : [{ of, model }]
  })
  return listed
    .filter(({ upstreamName }) => keptModel(upstreamName) === null)
    .map((model) => ({ ...model, kept: Object.fromEntries(kept.filter(({ of, model: { digest } }) => of === canonicalModel(model.upstreamName) && digest !== null && digest !== model.digest).map(({ model: { digest, upstreamName: name, sizeBytes: size } }) => [digest!, { name, size }])) }))
}

/** Reads Ollama's `/api/ps`: canonical names of the models in memory. Kept weights go by their own: the model's present ones need not be there. */
export function loadedFromPs(body: unknown): string[] {
  return list(record(body).models).flatMap((entry) => {
    const name = text(record(entry).name) ?? text(record(entry).model)
    return name ? [canonicalModel(name)] : []
  })
}

/**
 * What `/api/show` says of a model, which beats the list: its `capabilities` lag behind for a fresh model and are missing
 * in older versions (ollama-api.md 7), and so may be where it is forwarded to. What the answer lacks is not there, so that it stays as it was listed.
 */
export function shownOf(body: unknown): Partial<DiscoveredModel> {
  const { capabilities, model_info: info } = record(body)
  const { 'general.architecture': architecture, ...keys } = record(info)
  const contextLength = whole(keys[`${String(architecture)}.context_length`])
  return { ...(Array.isArray(capabilities) ? { capabilities: names(capabilities) } : {}), ...(contextLength === null ? {} : { contextLength }), ...(isRemote(record(body)) ? { isForwarded: true } : {}) }
}

/**
 * Reads an OpenAI-compatible `/v1/models`: `{data:[…]}`, or the bare array that Together answers. Most say a name and no
 * more; capabilities come from those that list what a model takes (OpenRouter), and are unknown for the others.
 */
export function modelsFromOpenAiList(body: unknown): DiscoveredModel[] {
  const entries = Array.isArray(body) ? body : list(record(body).data)
  return entries.flatMap((entry) => {
    const { id, context_length: contextLength, max_model_len: maxModelLength, meta, supported_parameters: parameters, architecture } = record(entry)
    const upstreamName = text(id)
    if (!upstreamName) return []
    return [{ upstreamName, digest: null, sizeBytes: null, modifiedAt: null, details: {}, capabilities: Array.isArray(parameters) ? capabilitiesIn(names(parameters), record(architecture)) : [], contextLength: whole(contextLength) ?? whole(maxModelLength) ?? whole(record(meta).n_ctx), kept: {} }]
  })
}

/** OpenRouter's words in Ollama's (openrouter-and-compatible.md 1). */
function capabilitiesIn(parameters: readonly string[], { input_modalities: takes, output_modalities: gives }: Readonly<Record<string, unknown>>): string[] {
  const found = { completion: list(gives).includes('text'), tools: parameters.includes('tools'), thinking: parameters.includes('reasoning'), vision: list(takes).includes('image'), embedding: list(gives).includes('embeddings') }
  return Object.entries(found).flatMap(([name, has]) => (has ? [name] : []))
}
