import type { FinishReason } from '@tollgate/kernel'
import { readOpenAiUsage } from './openai-usage'
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
    if (choice) readChoice(reply, choice, isWhole ? i : 0, isWhole)
  }
  if (isWhole && !reply.isTerminal && !reply.error) reply.malformed = 'answer without a choice'
}

function readChoice(reply: Reply, choice: Readonly<Record<string, unknown>>, position: number, isWhole: boolean): void {
  const index = typeof choice.index === 'number' && Number.isInteger(choice.index) && choice.index >= 0 ? choice.index : position
  if (!reply.hasChoice(index)) return
  const said = asObject(choice.delta) ?? asObject(choice.message)
  if (said) {
    reply.reasoning(said.reasoning_content ?? said.reasoning, index)
    reply.text(said.content, index)
    reply.text(said.refusal, index)
    if (Array.isArray(said.tool_calls)) readToolCalls(reply, said.tool_calls, index, isWhole)
    if (isWhole) reply.isTerminal = true
  }
  const { finish_reason: finish } = choice
  if (typeof finish !== 'string' || finish === '') return
  if (isWhole) reply.isTerminal = true
  readFinish(reply, finish, index)
}

/** The first finish of each choice counts; the answer's own is choice 0's. */
function readFinish(reply: Reply, finish: string, choice: number): void {
  const meaning = Object.hasOwn(FINISH, finish) ? FINISH[finish]! : undefined
  if (meaning === 'failed') {
    reply.error = { status: null, body: null }
    return
  }
  if (meaning === undefined) reply.flags.add('finish_reason_unknown')
  reply.finishedChoices.add(choice)
  if (choice === 0 || reply.finishReason === null) reply.finishReason ??= meaning ?? 'stop'
}

/**
 * A fragment belongs to its `index`; without one, to its id; without both it starts a call if it has a name, else it
 * continues the last one (vendors differ).
 */
function readToolCalls(reply: Reply, calls: readonly unknown[], choice: number, isWhole: boolean): void {
  for (const item of calls) {
    const call = asObject(item)
    const said = asObject(call?.function)
    if (!call || !said) continue
    let key: string | null = null
    if (typeof call.index === 'number' && !isWhole) key = `i${call.index}`
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
