import { answerTo, contentPieces, TOKENS_A_CALL, type Answer, type Call } from '../answer'
import {
  contentText,
  countPrompt,
  countWords,
  hasToolAnswer,
  lastUserText,
  limitOf,
  toolNamesOf,
  type Ask,
} from '../ask'
import { refuse } from '../catalogue/refusal'
import { callId, hexDigits, letters } from '../ids'
import { listOf, numberOf, objectOf, textOf, type JsonObject } from '../json'
import type { Scene } from '../scene'
import { streamed, whole, wholeAnswer, type Frame, type FrameRole, type Script } from '../script'
import { FLAVOURS } from './flavour'
import { cardFor } from './gate'

const event = (role: FrameRole, value: JsonObject, tokens = 0): Frame => ({
  role,
  data: `event: ${String(value.type)}\ndata: ${JSON.stringify(value)}\n\n`,
  tokens,
})

function promptTokensOf(body: JsonObject): number {
  return countPrompt(listOf(body.messages), listOf(body.tools)) + countWords(contentText(body.system))
}

function askOf(scene: Scene, model: string): Ask {
  const { body } = scene
  const messages = listOf(body.messages)
  const thinking = objectOf(body.thinking).type
  return {
    model,
    isStream: body.stream === true,
    promptTokens: promptTokensOf(body),
    limit: limitOf(body.max_tokens),
    lastUser: lastUserText(messages),
    toolNames: toolNamesOf(listOf(body.tools)),
    hasToolAnswer: hasToolAnswer(messages),
    schema: undefined,
    think: thinking === undefined ? undefined : thinking !== 'disabled',
    topLogprobs: undefined,
    choices: 1,
    includeUsage: true,
  }
}

function stopReason(answer: Answer): string {
  if (answer.refusal) return 'refusal'
  return { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' }[answer.finish]
}

/** Input counts: where a prompt cache is told, cached tokens stand beside `input_tokens`, not in them. */
function inputUsage(scene: Scene, answer: Answer): JsonObject {
  const cached = scene.behaviour.name === 'ok-cached' ? Math.max(0, answer.promptTokens - 1) : 0
  const input = { input_tokens: answer.promptTokens - cached }
  if (scene.stage.dialect === 'ollama') return input
  if (scene.stage.dialect === 'llamacpp') return { cache_read_input_tokens: cached, ...input }
  return { ...input, cache_creation_input_tokens: 0, cache_read_input_tokens: cached }
}

function idOf(scene: Scene): string {
  const sequence = scene.stage.nextId()
  if (scene.stage.dialect === 'llamacpp') return `chatcmpl-${letters(`message-${sequence}`, 32)}`
  return `msg_${hexDigits(`message-${sequence}`, 24)}`
}

/** Members Ollama leaves out and others send. */
const stopMembers = (scene: Scene, reason: string | null): JsonObject =>
  scene.stage.dialect === 'ollama'
    ? reason === null
      ? {}
      : { stop_reason: reason }
    : { stop_reason: reason, stop_sequence: null }

const toolUse = (scene: Scene, call: Call, input: JsonObject): JsonObject => ({
  type: 'tool_use',
  id: callId(scene.stage.nextId(), 'long'),
  name: call.name,
  input,
})

function inOne(scene: Scene, ask: Ask, answer: Answer): Script {
  const flavour = FLAVOURS[scene.stage.dialect]
  const thinking = answer.thinking.join('')
  const content: JsonObject[] = []
  if (thinking !== '') content.push({ type: 'thinking', thinking, signature: 'c2FuZGJveA==' })
  if (answer.content.length > 0) content.push({ type: 'text', text: answer.content.join('') })
  for (const call of answer.calls) content.push(toolUse(scene, call, call.arguments))
  const body = {
    id: idOf(scene),
    type: 'message',
    role: 'assistant',
    model: ask.model,
    content,
    ...stopMembers(scene, stopReason(answer)),
    usage: { ...inputUsage(scene, answer), output_tokens: answer.tokens },
  }
  const script = wholeAnswer(
    flavour.jsonType,
    JSON.stringify(body) + flavour.bodyEnd,
    answer.promptTokens,
    answer.tokens,
  )
  if (answer.isEndless)
    Object.assign(script, { isSilent: true, ending: 'hang', generatedTokens: Number.MAX_SAFE_INTEGER })
  return script
}

const blockStart = (index: number, block: JsonObject): Frame =>
  event('open', { type: 'content_block_start', index, content_block: block })

const delta = (role: FrameRole, index: number, value: JsonObject, tokens: number): Frame =>
  event(role, { type: 'content_block_delta', index, delta: value }, tokens)

const blockStop = (index: number): Frame => event('open', { type: 'content_block_stop', index })

function* blocks(scene: Scene, answer: Answer): Generator<Frame> {
  let index = 0
  if (answer.thinking.length > 0) {
    yield blockStart(index, { type: 'thinking', thinking: '', signature: '' })
    for (const piece of answer.thinking) yield delta('thinking', index, { type: 'thinking_delta', thinking: piece }, 1)
    yield delta('open', index, { type: 'signature_delta', signature: 'c2FuZGJveA==' }, 0)
    yield blockStop(index++)
  }
  if (answer.calls.length === 0) {
    yield blockStart(index, { type: 'text', text: '' })
    if (scene.stage.dialect === 'openai') yield event('noise', { type: 'ping' })
    for (const piece of contentPieces(answer)) yield delta('content', index, { type: 'text_delta', text: piece }, 1)
    yield blockStop(index)
  }
  for (const call of answer.calls) {
    const { input: _, ...bare } = toolUse(scene, call, {})
    const isLlamacpp = scene.stage.dialect === 'llamacpp'
    yield blockStart(index, isLlamacpp ? bare : { ...bare, input: {} })
    const text = JSON.stringify(call.arguments)
    const parts = isLlamacpp ? ['{', ...text.slice(1).split(/(?<=:)/)] : [text]
    for (const partial of parts) {
      yield delta('tool', index, { type: 'input_json_delta', partial_json: partial }, TOKENS_A_CALL / parts.length)
    }
    yield blockStop(index++)
  }
}

function* events(scene: Scene, ask: Ask, answer: Answer): Generator<Frame> {
  const isOllama = scene.stage.dialect === 'ollama'
  // Ollama's first figure is only an estimate; the true one comes with message_delta (measured).
  const first = isOllama ? { input_tokens: 1, output_tokens: 0 } : { ...inputUsage(scene, answer), output_tokens: 0 }
  const message = {
    id: idOf(scene),
    type: 'message',
    role: 'assistant',
    model: ask.model,
    content: [],
    ...stopMembers(scene, null),
    usage: first,
  }
  yield event('open', { type: 'message_start', message })
  yield* blocks(scene, answer)
  const booked = answer.thinking.length + answer.content.length + answer.calls.length * TOKENS_A_CALL
  const usage = { ...(isOllama ? inputUsage(scene, answer) : {}), output_tokens: answer.tokens }
  const end = { type: 'message_delta', delta: stopMembers(scene, stopReason(answer)), usage }
  yield event('finish', end, Math.max(0, answer.tokens - booked))
  yield event('done', { type: 'message_stop' })
}

/** Ollama's validation answers before its handlers do: another content type, and no line end. */
function earlyRefusal(scene: Scene, message: string): Script {
  const requestId = `req_${hexDigits(`request-${scene.stage.nextId()}`, 24)}`
  const body = { type: 'error', error: { type: 'invalid_request_error', message }, request_id: requestId }
  return whole(400, 'application/json; charset=utf-8', JSON.stringify(body))
}

/** POST /v1/messages: Anthropic's own shape, or the one Ollama or llama.cpp makes of it. */
export function compatibleMessages(scene: Scene): Script {
  const { body, stage, behaviour } = scene
  const maxTokens = numberOf(body.max_tokens)
  if (maxTokens === undefined || maxTokens <= 0) {
    const text = 'max_tokens is required and must be positive'
    return stage.dialect === 'ollama' ? earlyRefusal(scene, text) : refuse(scene, 400, text)
  }
  const model = textOf(body.model) ?? ''
  const card = cardFor(scene)
  if (!card) return refuse(scene, 404, stage.dialect === 'ollama' ? `model '${model}' not found` : `model: ${model}`)
  const ask = askOf(scene, stage.dialect === 'llamacpp' ? card.name.replace(/:latest$/, '') : model)
  const answer = answerTo(ask, behaviour, stage, card)
  return ask.isStream
    ? streamed('text/event-stream', events(scene, ask, answer), answer.promptTokens)
    : inOne(scene, ask, answer)
}

/** POST /v1/messages/count_tokens. */
export function countTokens(scene: Scene): Script {
  const body = JSON.stringify({ input_tokens: promptTokensOf(scene.body) })
  return whole(200, FLAVOURS[scene.stage.dialect].jsonType, body)
}
