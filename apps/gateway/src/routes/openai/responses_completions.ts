import { refuse, RefusalError, type ChatMessage, type ChatRequest, type ContentPart } from '@tollgate/kernel'
import { givenFields, notesOfUnknown } from './chat-completions.schema'
import type { ResponseItem, ResponsesBody } from './responses.schema'

/** Fields that the gateway reads, and those of accounts, storage and speed at OpenAI: these change no answer here. */
const KNOWN = new Set([
  'model', 'input', 'instructions', 'stream', 'max_output_tokens', 'tools', 'tool_choice', 'parallel_tool_calls', 'temperature', 'top_p', 'reasoning', 'text', 'include', 'top_logprobs',
  'metadata', 'store', 'service_tier', 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'stream_options', 'max_tool_calls', 'truncation', 'context_management', 'client_metadata',
  'previous_response_id', 'conversation', 'background', 'prompt', 'moderation',
])

/** Fields that would change the answer and that nobody here honours, with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  previous_response_id: 'responses are not stored here; send the whole conversation as input',
  conversation: 'responses are not stored here; send the whole conversation as input',
  background: 'responses are not stored here; ask with stream: true',
  prompt: 'no prompts of OpenAI are known here; send its text as instructions',
  moderation: 'the gateway moderates nothing',
}

const WANTS_LOGPROBS = 'message.output_text.logprobs'

/** A wish in the words of the responses API as the canonical request, and what the caller should know of it. */
export interface ResponsesWish {
  readonly request: ChatRequest
  readonly notes: readonly string[]
}

/** `/v1/responses` → the canonical request. @throws RefusalError for fields and items that cannot be served, with their place */
export function responsesWish(body: ResponsesBody, bodyBytes: number): ResponsesWish {
  const given = givenFields(body)
  const refused = given.find((name) => Object.hasOwn(REFUSED, name) && body[name] !== '' && body[name] !== false)
  if (refused) throw new RefusalError(refuse('unsupported_parameter', { parameter: refused, reason: REFUSED[refused]! }, { details: { param: refused } }))
  const messages: ChatMessage[] = body.instructions ? [{ role: 'system', content: body.instructions }] : []
  if (typeof body.input === 'string') messages.push({ role: 'user', content: body.input })
  else body.input.forEach((item, index) => addItem(messages, item, index))
  const tools = (body.tools ?? []).filter(({ type }) => type === 'function')
  const others = [...new Set((body.tools ?? []).filter(({ type }) => type !== 'function').map(({ type }) => type))]
  return {
    request: { model: body.model, messages, stream: body.stream === true, maxTokens: body.max_output_tokens ?? null, project: null, parameters: parametersOf(body, tools), bodyBytes },
    notes: [...(others.length > 0 ? [`tools of these types are not served here and were ignored: ${others.join(', ')}`] : []), ...notesOfUnknown(given, KNOWN)],
  }
}

function parametersOf(body: ResponsesBody, tools: NonNullable<ResponsesBody['tools']>): Record<string, unknown> {
  const { format, verbosity } = body.text ?? {}
  const wantsLogprobs = Boolean(body.top_logprobs) || body.include?.includes(WANTS_LOGPROBS) === true
  const wanted: Record<string, unknown> = {
    temperature: body.temperature,
    top_p: body.top_p,
    reasoning_effort: body.reasoning?.effort,
    verbosity,
    response_format: format?.type === 'json_schema' ? { type: 'json_schema', json_schema: { name: format.name ?? 'answer', schema: format.schema, strict: format.strict } } : format?.type === 'json_object' ? { type: 'json_object' } : undefined,
    ...(wantsLogprobs ? { logprobs: true, top_logprobs: body.top_logprobs || undefined } : {}),
  }
  if (tools.length > 0) {
    wanted.tools = tools.map(({ name, description, parameters, strict }) => ({ type: 'function', function: { name, description, parameters, strict: strict ?? undefined } }))
    wanted.tool_choice = toolChoiceOf(body.tool_choice)
    wanted.parallel_tool_calls = body.parallel_tool_calls
  }
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined && value !== null))
}

function toolChoiceOf(choice: ResponsesBody['tool_choice']): unknown {
  return typeof choice === 'object' && choice !== null ? { type: 'function', function: { name: choice.name } } : choice
}

/** Calls of one turn are separate items here and one message there. */
function addItem(messages: ChatMessage[], item: ResponseItem, index: number): void {
  const type = item.type ?? 'message'
  if (type === 'reasoning') return
  if (type === 'message' && item.role) return void messages.push({ role: item.role, content: contentOf(item.content ?? '', `input.${index}.content`) })
  if (type === 'function_call' && isText(item.call_id) && isText(item.name)) {
    const call = { id: item.call_id, type: 'function' as const, function: { name: item.name, arguments: isText(item.arguments) ? item.arguments : '{}' } }
    const last = messages.at(-1)
    if (last?.role === 'assistant') messages[messages.length - 1] = { ...last, tool_calls: [...(last.tool_calls ?? []), call] }
    else messages.push({ role: 'assistant', content: null, tool_calls: [call] })
    return
  }
  if (type === 'function_call_output' && isText(item.call_id)) return void messages.push({ role: 'tool', tool_call_id: item.call_id, content: isText(item.output) ? item.output : contentOf(item.output as [], `input.${index}.output`) })
  throw invalid(`input.${index}`, `an item of type ${JSON.stringify(type)} is not supported or lacks a field`)
}

function contentOf(content: string | readonly { type: string; [field: string]: unknown }[], path: string): ChatMessage['content'] {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw invalid(path, 'must be text or a list of parts')
  return content.map((part: { type: string; [field: string]: unknown }, at): ContentPart => {
    if (['input_text', 'output_text', 'text'].includes(part.type)) return { type: 'text', text: String(part.text ?? '') }
    if (part.type === 'refusal') return { type: 'text', text: String(part.refusal ?? '') }
    if (part.type === 'input_image' && isText(part.image_url)) return { type: 'image_url', image_url: { url: part.image_url, ...(isText(part.detail) ? { detail: part.detail } : {}) } }
    throw invalid(`${path}.${at}`, `a part of type ${JSON.stringify(part.type)} is not supported`)
  })
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function invalid(path: string, message: string): RefusalError {
  return new RefusalError(refuse('invalid_request', { reason: `${path}: ${message}` }, { details: { errors: [{ path, message }], param: 'input' } }))
}
