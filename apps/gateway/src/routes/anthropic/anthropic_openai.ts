import { refuse, RefusalError, type ChatMessage, type ChatRequest, type ContentPart, type SealedThought, type ToolCall } from '@tollgate/kernel'
import type { Block, MessagesBody } from './messages.schema'

/** A wish in Anthropic's words as the canonical request, and the kinds of tools that were left out of it. */
export interface MessagesWish {
  readonly request: ChatRequest
  readonly ignoredTools: readonly string[]
}

/** Thinking budgets from which OpenAI's words for effort hold; below the first one it is `low`. */
const EFFORTS: readonly (readonly [number, string])[] = [[16_384, 'high'], [4_096, 'medium']]

/** `/v1/messages` → the canonical request. @throws RefusalError for blocks that cannot be served, with their place */
export function messagesWish(body: MessagesBody, bodyBytes: number): MessagesWish {
  const messages: ChatMessage[] = []
  const system = textOf(body.system ?? '', 'system')
  if (system !== '') messages.push({ role: 'system', content: system })
  body.messages.forEach(({ role, content }, index) => addTurn(messages, role, content, `messages.${index}.content`))
  const tools = (body.tools ?? []).filter(isOfCaller)
  if (tools.some(({ name }) => !name)) throw invalid('tools', 'every tool of yours needs a name')
  if (body.tool_choice?.type === 'tool' && !body.tool_choice.name) throw invalid('tool_choice.name', 'must name the tool')
  const ignoredTools = [...new Set((body.tools ?? []).filter((tool) => !isOfCaller(tool)).map(({ type }) => type!))]
  return { request: { model: body.model, messages, stream: body.stream === true, maxTokens: body.max_tokens, project: null, parameters: parametersOf(body, tools), bodyBytes }, ignoredTools }
}

type Tool = NonNullable<MessagesBody['tools']>[number]

function isOfCaller({ type, input_schema: schema }: Tool): boolean {
  return type === undefined || type === null || type === 'custom' || schema !== undefined
}

function parametersOf(body: MessagesBody, tools: readonly Tool[]): Record<string, unknown> {
  const format = body.output_config?.format ?? (body.output_format as { type?: unknown; schema?: unknown } | undefined)
  const wanted: Record<string, unknown> = {
    temperature: body.temperature,
    top_p: body.top_p,
    top_k: body.top_k,
    stop: body.stop_sequences && body.stop_sequences.length > 0 ? body.stop_sequences : undefined,
    response_format: format?.type === 'json_schema' ? { type: 'json_schema', json_schema: { name: 'answer', schema: format.schema } } : undefined,
    ...thinkingOf(body),
  }
  if (tools.length > 0) {
    wanted.tools = tools.map(({ name, description, input_schema: parameters }) => ({ type: 'function', function: { name, ...(description ? { description } : {}), parameters: parameters ?? { type: 'object', properties: {} } } }))
    wanted.tool_choice = toolChoiceOf(body.tool_choice)
    if (body.tool_choice?.disable_parallel_tool_use === true) wanted.parallel_tool_calls = false
  }
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined && value !== null))
}

/**
 * Only a budget asks for thinking in so many words. `adaptive` and `output_config.effort` leave it to the model, and
 * most others would refuse an effort when they cannot think: they are not passed on.
 */
function thinkingOf({ thinking, output_config: output }: MessagesBody): Record<string, unknown> {
  if (thinking?.type === 'disabled') return { think: false }
  if (thinking?.type !== 'enabled') return {}
  const budget = thinking.budget_tokens
  return { reasoning_effort: typeof budget === 'number' ? (EFFORTS.find(([from]) => budget >= from)?.[1] ?? 'low') : (output?.effort ?? 'medium') }
}

function toolChoiceOf(choice: MessagesBody['tool_choice']): unknown {
  if (!choice) return undefined
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name ?? '' } }
  return choice.type === 'any' ? 'required' : choice.type
}

/** A turn of blocks: results of tools are messages of their own there, before what else the user says. */
function addTurn(messages: ChatMessage[], role: 'user' | 'assistant' | 'system', content: string | readonly Block[], path: string): void {
  if (role === 'system') return void messages.push({ role, content: textOf(content, path) })
  if (typeof content === 'string') return void messages.push({ role, content })
  if (role === 'assistant') return addAssistant(messages, content, path)
  const parts: ContentPart[] = []
  content.forEach((block, at) => {
    if (block.type !== 'tool_result') return void parts.push(...partsOf(block, `${path}.${at}`))
    const { text, images } = resultOf(block, `${path}.${at}`)
    messages.push({ role: 'tool', tool_call_id: String(block.tool_use_id ?? ''), content: text })
    parts.push(...images)
  })
  if (parts.length > 0) messages.push({ role, content: plain(parts) })
}

/** Earlier thinking goes along for the providers that take it; sealed, for the one that sealed it. */
function addAssistant(messages: ChatMessage[], content: readonly Block[], path: string): void {
  const parts: ContentPart[] = []
  const calls: ToolCall[] = []
  const thoughts: string[] = []
  const sealed: SealedThought[] = []
  content.forEach((block, at) => {
    if (block.type === 'redacted_thinking') return void sealed.push({ type: 'redacted_thinking', data: String(block.data ?? '') })
    if (block.type === 'thinking') {
      const thinking = String(block.thinking ?? '')
      if (typeof block.signature === 'string' && block.signature !== '') sealed.push({ type: 'thinking', thinking, signature: block.signature })
      return void thoughts.push(thinking)
    }
    if (block.type === 'tool_use') calls.push({ id: String(block.id ?? ''), type: 'function', function: { name: String(block.name ?? ''), arguments: JSON.stringify(block.input ?? {}) } })
    else parts.push(...partsOf(block, `${path}.${at}`))
  })
  if (parts.length === 0 && calls.length === 0) return
  const reasoning = thoughts.join('\n')
  messages.push({ role: 'assistant', content: parts.length > 0 ? plain(parts) : null, ...(reasoning === '' ? {} : { reasoning_content: reasoning }), ...(sealed.length > 0 ? { sealed_thoughts: sealed } : {}), ...(calls.length > 0 ? { tool_calls: calls } : {}) })
}

/** Messages of tools hold text only in OpenAI's shape; images of a result follow in the user's turn. */
function resultOf(block: Block, path: string): { text: string; images: ContentPart[] } {
  const content = block.content ?? ''
  if (typeof content !== 'string' && !Array.isArray(content)) throw invalid(`${path}.content`, 'must be text or a list of blocks')
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : (content as Block[]).flatMap((part, at) => partsOf(part, `${path}.content.${at}`))
  const text = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
  return { text: block.is_error === true ? `Error: ${text}` : text, images: parts.filter(({ type }) => type !== 'text') }
}

/** A block of what is said or shown. An empty text says nothing, and providers refuse it. */
function partsOf(block: Block, path: string): ContentPart[] {
  const { type, source } = (block ?? {}) as { type?: unknown; source?: Record<string, unknown> }
  if (type === 'text') return typeof block.text === 'string' && block.text !== '' ? [{ type: 'text', text: block.text }] : []
  if (type === 'image' && source?.type === 'base64') return [{ type: 'image_url', image_url: { url: `data:${String(source.media_type)};base64,${String(source.data)}` } }]
  if (type === 'image' && source?.type === 'url') return [{ type: 'image_url', image_url: { url: String(source.url) } }]
  if (type === 'document' && source?.type === 'text') return [{ type: 'text', text: String(source.data) }]
  if (type === 'document' && source?.type === 'content') return typeof source.content === 'string' ? [{ type: 'text', text: source.content }] : ((source.content ?? []) as Block[]).flatMap((part, at) => partsOf(part, `${path}.source.content.${at}`))
  if (type === 'search_result' && Array.isArray(block.content)) return (block.content as Block[]).flatMap((part, at) => partsOf(part, `${path}.content.${at}`))
  const of = source?.type === undefined ? '' : ` with a source of type ${JSON.stringify(source.type).slice(0, 40)}`
  throw invalid(path, `a block of type ${JSON.stringify(type)?.slice(0, 60)}${of} is not supported`)
}

function plain(parts: readonly ContentPart[]): ChatMessage['content'] {
  const [only] = parts
  return parts.length === 1 && only!.type === 'text' ? String(only!.text) : parts
}

function textOf(content: string | readonly Block[], path: string): string {
  if (typeof content === 'string') return content
  return content.map((block, at) => {
    if (block.type !== 'text') throw invalid(`${path}.${at}`, 'must be a text block')
    return String(block.text ?? '')
  }).filter((text) => text !== '').join('\n\n')
}

function invalid(path: string, message: string): RefusalError {
  return new RefusalError(refuse('invalid_request', { reason: `${path}: ${message}` }, { details: { errors: [{ path, message }], param: path.split('.')[0] } }))
}
