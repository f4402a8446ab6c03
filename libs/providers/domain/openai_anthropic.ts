import type { ChatMessage, ChatRequest, SealedThought } from '@tollgate/kernel'

/** Anthropic's request body, or why the wish cannot be put in its words. */
export type AnthropicBody = { readonly ok: true; readonly body: Record<string, unknown> } | { readonly ok: false; readonly reason: string }

type Block = Record<string, unknown>
interface Turn {
  readonly role: 'user' | 'assistant'
  readonly content: Block[]
}

/** Tokens a model may think, by OpenAI's word for effort. Below the first one Anthropic refuses a budget. */
const THINKING_TOKENS: Readonly<Record<string, number>> = { minimal: 1_024, low: 1_024, medium: 4_096, high: 16_384, xhigh: 32_768, max: 32_768 }

const DATA_URI = /^data:([^;,]+);base64,(.*)$/s

/** Translates the canonical request (OpenAI's shape) to the body of Anthropic's `/v1/messages`. */
export function toAnthropicBody(request: ChatRequest, model: string, maxTokens: number): AnthropicBody {
  if (request.embedding) return { ok: false, reason: 'this provider has no embeddings' }
  const { parameters } = request
  const format = formatOf(parameters)
  if (format === 'unknown') return { ok: false, reason: 'response_format json_object is not understood by this provider; send json_schema' }
  const turns: Turn[] = []
  const system: string[] = []
  for (const message of request.messages) {
    if (message.role === 'system' || message.role === 'developer') system.push(textOf(message.content))
    else {
      const blocks = blocksOf(message)
      if (typeof blocks === 'string') return { ok: false, reason: blocks }
      add(turns, message.role === 'assistant' ? 'assistant' : 'user', blocks)
    }
  }
  if (turns.length === 0) return { ok: false, reason: 'this provider needs a message of the user' }
  const body: Record<string, unknown> = { model, max_tokens: maxTokens, messages: turns, stream: request.stream, ...samplingOf(parameters, maxTokens), ...toolsOf(parameters) }
  if (system.length > 0) body.system = system.join('\n\n')
  if (format) body.output_config = { format }
  return { ok: true, body }
}

/** A model that thinks takes neither temperature nor top_k. */
function samplingOf(parameters: ChatRequest['parameters'], maxTokens: number): Record<string, unknown> {
  const { temperature, top_p: topP, top_k: topK, stop, reasoning_effort: effort } = parameters
  const sampling: Record<string, unknown> = {}
  if (typeof stop === 'string') sampling.stop_sequences = [stop]
  else if (Array.isArray(stop) && stop.length > 0) sampling.stop_sequences = stop
  const budget = typeof effort === 'string' ? THINKING_TOKENS[effort] : undefined
  if (budget !== undefined && budget < maxTokens) return { ...sampling, thinking: { type: 'enabled', budget_tokens: budget } }
  if (typeof temperature === 'number') sampling.temperature = Math.min(1, temperature)
  if (typeof topP === 'number') sampling.top_p = topP
  if (typeof topK === 'number') sampling.top_k = topK
  return sampling
}

function toolsOf({ tools, tool_choice: choice, parallel_tool_calls: parallel }: ChatRequest['parameters']): Record<string, unknown> {
  if (!Array.isArray(tools) || tools.length === 0) return {}
  const list = tools.flatMap((tool: { function?: { name?: unknown; description?: unknown; parameters?: unknown } }) =>
    tool.function ? [{ name: tool.function.name, ...(tool.function.description ? { description: tool.function.description } : {}), input_schema: tool.function.parameters ?? { type: 'object', properties: {} } }] : [],
  )
  const named = (choice as { function?: { name?: string } } | undefined)?.function?.name
  const type = choice === 'none' ? 'none' : choice === 'required' ? 'any' : 'auto'
  const chosen: Record<string, unknown> = named ? { type: 'tool', name: named } : { type }
  if (parallel === false && chosen.type !== 'none') chosen.disable_parallel_tool_use = true
  return { tools: list, ...(choice !== undefined || parallel === false ? { tool_choice: chosen } : {}) }
}

function formatOf({ response_format: wanted }: ChatRequest['parameters']): Record<string, unknown> | 'unknown' | null {
  const { type, json_schema: named } = (wanted ?? {}) as { type?: string; json_schema?: { schema?: unknown } }
  if (type === 'json_schema') return { type: 'json_schema', schema: named?.schema ?? { type: 'object' } }
  return type === 'json_object' ? 'unknown' : null
}

/** Tool results are blocks of the user's turn there, so turns of one role are joined, in their order. */
function add(turns: Turn[], role: Turn['role'], blocks: Block[]): void {
  const last = turns.at(-1)
  if (last?.role === role) last.content.push(...blocks)
  else if (blocks.length > 0) turns.push({ role, content: blocks })
}

/** The blocks of a message; a sentence when a part has no form there. */
function blocksOf(message: ChatMessage): Block[] | string {
  const parts = partsOf(message.content)
  if (typeof parts === 'string') return parts
  if (message.role === 'tool') return [{ type: 'tool_result', tool_use_id: message.tool_call_id ?? '', content: parts }]
  const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: text } }) => ({ type: 'tool_use', id, name, input: inputOf(text) }))
  return [...sealedBlocks(message.sealed_thoughts), ...parts, ...calls]
}

/** Only what a seal consists of: nothing else may come to an upstream this way. */
function sealedBlocks(thoughts: ChatMessage['sealed_thoughts']): Block[] {
  if (!Array.isArray(thoughts)) return []
  return (thoughts as readonly SealedThought[]).flatMap((thought): Block[] => {
    if (thought.type === 'redacted_thinking') return [{ type: 'redacted_thinking', data: String(thought.data) }]
    return thought.type === 'thinking' ? [{ type: 'thinking', thinking: String(thought.thinking), signature: String(thought.signature) }] : []
  })
}

function partsOf(content: ChatMessage['content']): Block[] | string {
  if (content === null || content === '') return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  const blocks: Block[] = []
  for (const part of content) {
    if (part.type === 'text' || part.type === 'refusal') blocks.push({ type: 'text', text: String((part as Record<string, unknown>)[part.type] ?? '') })
    else if (part.type === 'image_url') blocks.push({ type: 'image', source: sourceOf((part as { image_url?: { url?: string } }).image_url?.url ?? '') })
    else return `content of type ${JSON.stringify(part.type).slice(0, 40)} is not understood by this model`
  }
  return blocks
}

function sourceOf(url: string): Block {
  const data = DATA_URI.exec(url)
  return data ? { type: 'base64', media_type: data[1], data: data[2] } : { type: 'url', url }
}

function textOf(content: ChatMessage['content']): string {
  return typeof content === 'string' ? content : (content ?? []).map((part) => (part.type === 'text' ? String((part as { text?: unknown }).text ?? '') : '')).join('\n')
}

function inputOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text || '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { value }
  } catch {
    return { value: text }
  }
}
