import type { FinishReason } from '@tollgate/kernel'
import { readOpenAiUsage } from './openai-usage'
import { readLogprobs } from './logprobs'
import { asObject, type Reply } from './reply'

const DONE = '[DONE]'

/** Finish reasons seen in the wild beside OpenAI's own. `abort` and `error` are failures, not endings. */
const FINISH: Readonly<Record<string, FinishReason | 'failed'>> = {
  stop: 'stop', length: 'length', tool_calls: 'tool_calls', content_filter: 'content_filter', function_call: 'tool_calls',
  eos: 'stop', end_turn: 'stop', stop_sequence: 'stop', max_tokens: 'length', tool_use: 'tool_calls', abort: 'failed', error: 'failed',
}

/**
 * Reads one frame of an OpenAI-compatible stream, or a whole JSON answer (`isWhole`), into the reply. Nothing about
 * the frame is trusted: choices may be missing, empty or several, usage may come anywhere, errors may stand in for it.
 */
export function readCompatibleFrame(reply: Reply, frame: string, isWhole = false): void {
  if (frame === DONE) {
    reply.isTerminal = true
    return
  }
  reply.startFrame()
  const body = parse(frame)
  if (!body) {
    reply.malformed = 'frame is not a JSON object'
    return
  }
  if (reply.answerId === null && typeof body.id === 'string') reply.answerId = body.id
  if (isError(body)) {
    const { code } = asObject(body.error) ?? body
    const status = typeof code === 'number' && code >= 400 && code <= 599 ? code : null
    reply.error = { status, body }
    return
  }
  if (reply.servedModel === null && typeof body.model === 'string' && body.model) reply.servedModel = body.model
  if (body.usage) reply.usage = readOpenAiUsage(body.usage) ?? reply.usage
  const { choices } = body
  if (!Array.isArray(choices)) {
    if (isWhole) reply.malformed = 'answer without choices'
    return
  }
  for (let i = 0; i < choices.length; i++) {
    const choice = asObject(choices[i])
    if (!choice) continue
    const index = indexOf(choice, isWhole ? i : 0)
    // A number that comes twice in one frame is a second choice that nobody asked for (T16, 30).
    if (i > 0 && choices.slice(0, i).some((other, at) => indexOf(asObject(other), isWhole ? at : 0) === index)) reply.flags.add('unasked_choice')
    else readChoice(reply, choice, index, isWhole)
  }
  if (isWhole && !reply.isTerminal && !reply.error) reply.malformed = 'answer without a choice'
}

function indexOf(choice: Readonly<Record<string, unknown>> | null, position: number): number {
  const index = choice?.index
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 ? index : position
}

function readChoice(reply: Reply, choice: Readonly<Record<string, unknown>>, index: number, isWhole: boolean): void {
  if (!reply.hasChoice(index)) return
  const { finish_reason: finish, stop_reason: sequence } = choice
  // A whole answer that failed is none: nothing of it is passed on, so that another host may be asked.
  if (isWhole && typeof finish === 'string' && FINISH[finish] === 'failed') return readFinish(reply, finish, index)
  const said = asObject(choice.delta) ?? asObject(choice.message)
  if (said) {
    reply.reasoning(said.reasoning_content ?? said.reasoning, index)
    reply.text(said.content, index, readLogprobs(asObject(choice.logprobs)?.content))
    reply.refusal(said.refusal, index)
    if (Array.isArray(said.tool_calls)) readToolCalls(reply, said.tool_calls, index, isWhole)
    if (isWhole) reply.isTerminal = true
  }
  if (typeof finish !== 'string' || finish === '') return
  // vLLM names the stop sequence here, or the id of a stop token.
  if (index === 0 && finish === 'stop' && typeof sequence === 'string') reply.stopSequence = sequence
  if (isWhole) reply.isTerminal = true
  readFinish(reply, finish, index)
}

function readFinish(reply: Reply, finish: string, choice: number): void {
  const meaning = Object.hasOwn(FINISH, finish) ? FINISH[finish]! : undefined
  if (meaning === 'failed') {
    reply.error = { status: null, body: null }
    return
  }
  if (meaning === undefined) reply.flags.add('finish_reason_unknown')
  reply.finish(choice, meaning ?? 'stop')
}

/**
 * A fragment belongs to its `index`, or to a new call when its name comes with another id (some vendors number every call 0); without one, to its id; without both it starts a call if it has a name, else it
 * continues the last one (vendors differ).
 */
function readToolCalls(reply: Reply, calls: readonly unknown[], choice: number, isWhole: boolean): void {
  for (const item of calls) {
    const call = asObject(item)
    const said = asObject(call?.function)
    if (!call || !said) continue
    let key: string | null = null
    if (typeof call.index === 'number' && !isWhole) key = reply.callNumbers.keyOf(choice, call.index, said.name ? call.id : null)
    else if (typeof call.id === 'string' && call.id) key = `d${call.id}`
    else if (typeof said.name === 'string' && said.name) key = `n${reply.nextToolCall}`
    const args = typeof said.arguments === 'object' && said.arguments !== null ? JSON.stringify(said.arguments) : said.arguments
    reply.toolCall(choice, key, { id: call.id, name: said.name, arguments: args })
  }
}

/** Errors come as `error` (object or text), as `detail` (FastAPI), or as a bare object of kind `error` (older vLLM). */
function isError(body: Readonly<Record<string, unknown>>): boolean {
  return Boolean(body.error) || body.object === 'error' || (body.detail !== undefined && body.choices === undefined)
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return null
  }
}
