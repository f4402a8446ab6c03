import type { DiscoveredModel } from './host'

const text = (value: unknown): string | null => (typeof value === 'string' && value.length > 0 && value.length <= 300 ? value : null)
const whole = (value: unknown): number | null => (typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null)
const record = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {})
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** Reads Ollama's `/api/tags`. Unusable entries are left out; recent fields are optional (ollama-api.md 7). */
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
        capabilities: list(capabilities).filter((item): item is string => typeof item === 'string'),
        contextLength: whole(contextLength),
      },
    ]
  })
}

/** Reads an OpenAI-compatible `/v1/models`: `{data:[…]}`, or the bare array that Together answers. */
export function modelsFromOpenAiList(body: unknown): DiscoveredModel[] {
  const entries = Array.isArray(body) ? body : list(record(body).data)
  return entries.flatMap((entry) => {
    const { id, context_length: contextLength, max_model_len: maxModelLength } = record(entry)
    const upstreamName = text(id)
    if (!upstreamName) return []
    return [{ upstreamName, digest: null, sizeBytes: null, modifiedAt: null, details: {}, capabilities: [], contextLength: whole(contextLength) ?? whole(maxModelLength) }]
  })
}
