import type { ChatMessage, ChatRequest, ContentPart } from '@tollgate/kernel'
import { namedTool } from './tool-rule'

/** What a request to Ollama needs beyond the caller's wish. `settings` are the operator's, never a tenant's. */
export interface OllamaTarget {
  readonly model: string
  readonly maxTokens: number
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Ollama's request body, or why the wish cannot be put in its words. */
export type OllamaBody = { readonly ok: true; readonly body: Record<string, unknown> } | { readonly ok: false; readonly reason: string }

/** Options a tenant may set, by OpenAI's name or Ollama's. Load-time ones (`num_ctx`, `num_gpu` …) are not here (F62). */
const OPTIONS: Readonly<Record<string, string>> = {
  temperature: 'temperature', top_p: 'top_p', top_k: 'top_k', min_p: 'min_p', typical_p: 'typical_p', seed: 'seed',
  presence_penalty: 'presence_penalty', frequency_penalty: 'frequency_penalty', repetition_penalty: 'repeat_penalty',
  repeat_penalty: 'repeat_penalty', repeat_last_n: 'repeat_last_n',
}

const DATA_URI = /^data:[^,;]*(?:;[^,;]*)*;base64,/

/** Translates the canonical request (OpenAI's shape) to the body of Ollama's native `/api/chat`. */
export function toOllamaBody(request: ChatRequest, { model, maxTokens, settings }: OllamaTarget): OllamaBody {
  const messages: Record<string, unknown>[] = []
  const toolNames = new Map<string, string>()
  for (const message of request.messages) {
    const translated = toMessage(message, toolNames)
    if (typeof translated === 'string') return { ok: false, reason: translated }
    messages.push(translated)
  }
  const { keep_alive: keepAlive, ...loadOptions } = settings ?? {}
  // Without these Ollama drops the oldest messages, or goes on without its beginning, and tells nobody.
  const body: Record<string, unknown> = { model, messages, stream: request.stream, truncate: false, shift: false }
  body.options = { ...loadOptions, ...tenantOptions(request.parameters), num_predict: maxTokens }
  if (keepAlive !== undefined) body.keep_alive = keepAlive
  const format = formatOf(request.parameters)
  if (format !== undefined) body.format = format
  const think = thinkOf(request.parameters)
  if (think !== undefined) body.think = think
  const { tools, tool_choice: toolChoice, logprobs, top_logprobs: topLogprobs } = request.parameters
  // It does not know `tool_choice`: the one tool that may be called is the only one it is offered.
  const only = namedTool(toolChoice)
  if (Array.isArray(tools) && tools.length > 0 && toolChoice !== 'none') body.tools = only === null ? tools : tools.filter((tool: { function?: { name?: unknown } }) => tool.function?.name === only)
  if (logprobs === true) Object.assign(body, { logprobs: true, ...(typeof topLogprobs === 'number' ? { top_logprobs: topLogprobs } : {}) })
  return { ok: true, body }
}

/** Path of the native chat endpoint; a base URL that ends in `/v1` or `/api` is meant to be the server's root. */
export function ollamaChatPath(basePath: string): string {
  return `${ollamaRoot(basePath)}/api/chat`
}

/** The server's own root behind a base URL that may name one of its APIs. */
export function ollamaRoot(basePath: string): string {
  return basePath.replace(/\/(?:v1|api)$/, '')
}

function tenantOptions(parameters: ChatRequest['parameters']): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [from, to] of Object.entries(OPTIONS)) {
    const value = parameters[from]
    if (value !== undefined && value !== null) options[to] = value
  }
  const { stop } = parameters
  if (typeof stop === 'string') options.stop = [stop]
  else if (Array.isArray(stop)) options.stop = stop
  return options
}

function formatOf({ response_format: wanted, format }: ChatRequest['parameters']): unknown {
  const { type, json_schema: named } = (wanted ?? {}) as { type?: string; json_schema?: { schema?: unknown } }
  if (type === 'json_schema') return named?.schema ?? 'json'
  if (type === 'json_object') return 'json'
  return type === undefined && (format === 'json' || (typeof format === 'object' && format !== null)) ? format : undefined
}

/** `think` is Ollama's own word; OpenAI's `reasoning_effort` maps to it as Ollama's compatible endpoint does. */
function thinkOf({ think, reasoning_effort: effort }: ChatRequest['parameters']): unknown {
  if (typeof think === 'boolean' || typeof think === 'string') return think
  if (typeof effort !== 'string') return undefined
  const levels: Readonly<Record<string, unknown>> = { none: false, minimal: 'low', xhigh: 'max', ultra: 'max' }
  return Object.hasOwn(levels, effort) ? levels[effort] : effort
}

function toMessage(message: ChatMessage, toolNames: Map<string, string>): Record<string, unknown> | string {
  const content = toContent(message.content)
  if (typeof content === 'string') return content
  const out: Record<string, unknown> = { role: message.role === 'developer' ? 'system' : message.role, content: content.text }
  if (content.images.length > 0) out.images = content.images
  if (typeof message.reasoning_content === 'string' && message.reasoning_content !== '') out.thinking = message.reasoning_content
  if (message.tool_calls && message.tool_calls.length > 0) {
    out.tool_calls = message.tool_calls.map(({ id, function: { name, arguments: text } }, index) => {
      toolNames.set(id, name)
      return { id, function: { index, name, arguments: toArguments(text) } }
    })
  }
  if (message.role === 'tool' && message.tool_call_id !== undefined) {
    out.tool_call_id = message.tool_call_id
    const name = toolNames.get(message.tool_call_id) ?? message.name
    if (name !== undefined) out.tool_name = name
  }
  return out
}

/** Text parts joined and images as plain base64; a sentence when a part has no form in Ollama. */
function toContent(content: ChatMessage['content']): { text: string; images: string[] } | string {
  if (typeof content === 'string' || content === null) return { text: content ?? '', images: [] }
  const texts: string[] = []
  const images: string[] = []
  for (const part of content) {
    if (part.type === 'text' || part.type === 'refusal') texts.push(String((part as Record<string, unknown>)[part.type] ?? ''))
    else if (part.type === 'image_url') {
      const url = imageUrl(part)
      const prefix = DATA_URI.exec(url)
      if (!prefix) return 'images must be given as base64 data URIs for this model; links are not fetched'
      images.push(url.slice(prefix[0].length))
    } else return `content of type ${JSON.stringify(part.type).slice(0, 40)} is not understood by this model`
  }
  return { text: texts.join('\n'), images }
}

function imageUrl(part: ContentPart): string {
  const image = (part as { image_url?: { url?: unknown } | string }).image_url
  const url = typeof image === 'string' ? image : image?.url
  return typeof url === 'string' ? url : ''
}

/** OpenAI's JSON text → Ollama's object. What a model once wrote wrongly is kept as text rather than refused. */
function toArguments(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text || '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { value }
  } catch {
    return { value: text }
  }
}
