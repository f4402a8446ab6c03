import type { ChatRequest } from '@tollgate/kernel'
import { COMPATIBLE_PROVIDERS, quirksOf } from './quirks'

/** A wish that a provider cannot serve: the parameter in OpenAI's words, and why. */
export interface Lack {
  readonly parameter: string
  readonly reason: string
}

/** Kinds of server that run on the operator's own machines: nobody else sees what they are asked. */
const OWN = new Set(['ollama', 'vllm', 'llamacpp', 'lmstudio', 'universal', 'llamafarm'])

/** What changes an answer and yet would be dropped on the way to this provider; null when all of it is served. */
export function lackOf(provider: string, { parameters, messages }: Pick<ChatRequest, 'parameters' | 'messages'>): Lack | null {
  const isCompatible = COMPATIBLE_PROVIDERS.includes(provider)
  const quirks = quirksOf(provider)
  const givesLogprobs = isCompatible ? quirks.givesLogprobs : provider === 'ollama'
  const takesBias = isCompatible && !quirks.droppedFields.includes('logit_bias')
  const takesJsonObject = isCompatible ? quirks.takesJsonObject : provider === 'ollama'
  const fetchesLinks = isCompatible ? quirks.fetchesLinks : provider === 'anthropic'
  if (wantsPrivacy(parameters.provider) && !OWN.has(provider) && !quirks.takesRouting) return { parameter: 'provider', reason: 'the provider of this model cannot be told what may become of the data' }
  if (parameters.logprobs === true && !givesLogprobs) return { parameter: 'logprobs', reason: 'the provider of this model gives no log probabilities' }
  if (isFilled(parameters.logit_bias) && !takesBias) return { parameter: 'logit_bias', reason: 'the provider of this model has no such setting' }
  if (!takesJsonObject && (parameters.response_format as { type?: unknown } | undefined)?.type === 'json_object') return { parameter: 'response_format', reason: 'the provider of this model knows json_schema only' }
  // A host of the operator would fetch it from within the operator's network (security.md, I12).
  if (!fetchesLinks && hasLink(messages)) return { parameter: 'messages', reason: 'images must be sent as base64 data URIs for this model; links are not fetched' }
  return null
}

function wantsPrivacy(routing: unknown): boolean {
  const { data_collection: collection, zdr } = (routing ?? {}) as { data_collection?: unknown; zdr?: unknown }
  return collection === 'deny' || zdr === true
}

function isFilled(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

function hasLink(messages: ChatRequest['messages']): boolean {
  return messages.some(({ content }) => Array.isArray(content) && content.some((part) => part.type === 'image_url' && !isData((part as { image_url?: { url?: unknown } }).image_url?.url)))
}

function isData(url: unknown): boolean {
  return typeof url === 'string' && url.startsWith('data:')
}
