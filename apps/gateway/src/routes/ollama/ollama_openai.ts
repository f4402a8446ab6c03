import type { ChatMessage, ChatRequest, ContentPart, ToolCall } from '@tollgate/kernel'
import type { OllamaChatBody, OllamaGenerateBody, OllamaMessage } from './ollama.schema'

/** Sampling options a tenant may set, from Ollama's name to the canonical one; the rest belongs to the operator (F62). */
const OPTIONS: Readonly<Record<string, string>> = {
  temperature: 'temperature', top_p: 'top_p', top_k: 'top_k', min_p: 'min_p', seed: 'seed', stop: 'stop',
  presence_penalty: 'presence_penalty', frequency_penalty: 'frequency_penalty', repeat_penalty: 'repetition_penalty',
}

/** First letters of base64 by the file they begin; Ollama's clients send no media type. */
const MEDIA: readonly (readonly [string, string])[] = [['/9j/', 'image/jpeg'], ['iVBOR', 'image/png'], ['R0lGOD', 'image/gif'], ['UklGR', 'image/webp']]

/** A wish in Ollama's words as the canonical request, and the operator's options that were left out of it. */
export interface OllamaWish {
  readonly request: ChatRequest
  readonly ignored: readonly string[]
}

/** `/api/chat` → the canonical request. Ollama streams unless it is told not to. */
export function chatWish(body: OllamaChatBody, bodyBytes: number): OllamaWish {
  const wish = wishOf(body, bodyBytes, toMessages(body.messages ?? []))
  return body.tools && body.tools.length > 0 ? { ...wish, request: { ...wish.request, parameters: { ...wish.request.parameters, tools: body.tools } } } : wish
}

/** `/api/generate` → the canonical request: a prompt is one turn of the user. */
export function generateWish(body: OllamaGenerateBody, bodyBytes: number): OllamaWish {
  const turn: ChatMessage = { role: 'user', content: contentOf(body.prompt ?? '', body.images) }
  return wishOf(body, bodyBytes, body.system ? [{ role: 'system', content: body.system }, turn] : [turn])
}

type Shared = Pick<OllamaChatBody, 'model' | 'stream' | 'format' | 'think' | 'options' | 'keep_alive' | 'logprobs' | 'top_logprobs'>

function wishOf(body: Shared, bodyBytes: number, messages: ChatMessage[]): OllamaWish {
  const options = body.options ?? {}
  const parameters: Record<string, unknown> = {}
  for (const [from, to] of Object.entries(OPTIONS)) if (options[from] !== undefined) parameters[to] = options[from]
  if (body.format === 'json') parameters.response_format = { type: 'json_object' }
  else if (typeof body.format === 'object' && body.format !== null) parameters.response_format = { type: 'json_schema', json_schema: { name: 'answer', schema: body.format } }
  if (body.think !== undefined && body.think !== null) parameters.think = body.think
  if (body.logprobs === true) Object.assign(parameters, { logprobs: true, ...(typeof body.top_logprobs === 'number' ? { top_logprobs: body.top_logprobs } : {}) })
  const limit = options.num_predict
  const ignored = Object.keys(options).filter((name) => name !== 'num_predict' && !(name in OPTIONS))
  if (body.keep_alive !== undefined && body.keep_alive !== null) ignored.push('keep_alive')
  return {
    request: { model: body.model, messages, stream: body.stream !== false, maxTokens: limit !== undefined && limit > 0 ? limit : null, project: null, parameters, bodyBytes },
    ignored,
  }
}

/** Tool answers name their call by id, or only by the tool: then the last call of that tool is meant. */
function toMessages(messages: readonly OllamaMessage[]): ChatMessage[] {
  let calls = 0
  const idsOfTools = new Map<string, string>()
  return messages.map((message): ChatMessage => {
    const content = contentOf(message.content ?? '', message.images)
    if (message.role === 'tool') {
      const id = message.tool_call_id ?? idsOfTools.get(message.tool_name ?? '') ?? [...idsOfTools.values()].at(-1) ?? 'call_0'
      return { role: 'tool', content, tool_call_id: id, ...(message.tool_name ? { name: message.tool_name } : {}) }
    }
    const toolCalls = (message.tool_calls ?? []).map((call): ToolCall => {
      const id = call.id ?? `call_${calls++}`
      const { name, arguments: args } = call.function
      idsOfTools.set(name, id)
      return { id, type: 'function', function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args ?? {}) } }
    })
    return { role: message.role, content, ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}) }
  })
}

function contentOf(text: string, images: readonly string[] | null | undefined): ChatMessage['content'] {
  if (!images || images.length === 0) return text
  const parts: ContentPart[] = text === '' ? [] : [{ type: 'text', text }]
  for (const image of images) parts.push({ type: 'image_url', image_url: { url: dataUri(image) } })
  return parts
}

function dataUri(image: string): string {
  if (image.startsWith('data:')) return image
  const media = MEDIA.find(([start]) => image.startsWith(start))?.[1] ?? 'image/png'
  return `data:${media};base64,${image}`
}
