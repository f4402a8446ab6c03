import { answerTo, type Answer } from '../answer'
import {
  contentText,
  countPrompt,
  countWords,
  lastUserText,
  limitOf,
  toolAnswersOf,
  toolNamesOf,
  type Ask,
} from '../ask'
import { setting } from '../behaviour'
import { refuse, withHeaders } from '../catalogue/refusal'
import { hexDigits, letters } from '../ids'
import { listOf, numberOf, objectOf, textOf, type JsonObject } from '../json'
import type { Scene } from '../scene'
import { streamed, whole, wholeAnswer, type Script } from '../script'
import { FLAVOURS } from '../openai/flavour'
import { cardFor } from '../openai/gate'
import { messageEvents } from './events'
import { headOf, inputUsage, outputUsage, stopMembers, stopReason, toolUse } from './message'

function promptTokensOf(body: JsonObject): number {
  return countPrompt(listOf(body.messages), listOf(body.tools)) + countWords(contentText(body.system))
}

function askOf(scene: Scene, model: string): Ask {
  const { body, behaviour } = scene
  const messages = listOf(body.messages)
  const thinking = objectOf(body.thinking).type
  const { type: form, schema } = objectOf(objectOf(body.output_config).format)
  return {
    model,
    isStream:
      behaviour.name === 'json-for-stream' ? false : behaviour.name === 'stream-for-json' || body.stream === true,
    promptTokens: promptTokensOf(body),
    limit: limitOf(body.max_tokens),
    lastUser: lastUserText(messages),
    toolNames: toolNamesOf(listOf(body.tools)),
    toolAnswers: toolAnswersOf(messages),
    schema: form === 'json_schema' ? objectOf(schema) : undefined,
    think: thinking === undefined ? undefined : thinking !== 'disabled',
    topLogprobs: undefined,
    choices: 1,
    includeUsage: true,
  }
}

function inOne(scene: Scene, ask: Ask, answer: Answer): Script {
  const flavour = FLAVOURS[scene.stage.dialect]
  const thinking = answer.thinking.join('')
  const content: JsonObject[] = []
  if (thinking !== '') content.push({ type: 'thinking', thinking, signature: 'c2FuZGJveA==' })
  if (answer.content.length > 0) content.push({ type: 'text', text: answer.content.join('') })
  for (const call of answer.calls) content.push(toolUse(scene, call, call.arguments))
  const body = {
    ...headOf(scene, ask),
    content,
    ...stopMembers(scene, stopReason(answer)),
    usage: { ...inputUsage(scene, answer), ...outputUsage(scene, answer) },
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

/** Ollama's validation answers before its handlers do: another content type, and no line end. */
function earlyRefusal(scene: Scene, message: string): Script {
  const requestId = `req_${hexDigits(`request-${scene.stage.nextId()}`, 24)}`
  const body = { type: 'error', error: { type: 'invalid_request_error', message }, request_id: requestId }
  return whole(400, 'application/json; charset=utf-8', JSON.stringify(body))
}

/** What Anthropic says of a body it cannot take. */
function refuseBody(scene: Scene): Script | undefined {
  const { body } = scene
  const complain = (text: string): Script => refuse(scene, 400, text)
  if (body.max_tokens === undefined) return complain('max_tokens: Field required')
  if ((numberOf(body.max_tokens) ?? 0) <= 0) return complain('max_tokens: Input should be greater than or equal to 1')
  if (!Array.isArray(body.messages)) return complain('messages: Field required')
  if (body.messages.length === 0) return complain('messages: at least one message is required')
  const isNumber = body.temperature === undefined || typeof body.temperature === 'number'
  return isNumber ? undefined : complain('temperature: Input should be a valid number')
}

function refuseLimit(scene: Scene): Script | undefined {
  const maxTokens = numberOf(scene.body.max_tokens)
  if (maxTokens !== undefined && maxTokens > 0) return undefined
  const text = 'max_tokens is required and must be positive'
  return scene.stage.dialect === 'ollama' ? earlyRefusal(scene, text) : refuse(scene, 400, text)
}

/** POST /v1/messages: Anthropic's own shape, or the one Ollama or llama.cpp makes of it. */
export function compatibleMessages(scene: Scene): Script {
  const { body, stage, behaviour } = scene
  const isAnthropic = stage.dialect === 'anthropic'
  const refusal = isAnthropic ? refuseBody(scene) : refuseLimit(scene)
  if (refusal) return refusal
  const model = textOf(body.model) ?? ''
  const card = cardFor(scene)
  if (!card) return refuse(scene, 404, stage.dialect === 'ollama' ? `model '${model}' not found` : `model: ${model}`)
  const ask = askOf(scene, stage.dialect === 'llamacpp' ? card.name.replace(/:latest$/, '') : model)
  const contextTokens = setting(behaviour, 'ctx', card.contextLength)
  if (isAnthropic && ask.promptTokens > contextTokens)
    return refuse(scene, 400, `prompt is too long: ${ask.promptTokens} tokens > ${contextTokens} maximum`)
  const answer = answerTo(ask, behaviour, stage, card)
  const script = ask.isStream
    ? streamed('text/event-stream', messageEvents(scene, ask, answer), answer.promptTokens)
    : inOne(scene, ask, answer)
  return isAnthropic ? withHeaders(script, { 'request-id': `req_01${letters(`request-${stage.nextId()}`, 22)}` }) : script
}

/** POST /v1/messages/count_tokens. */
export function countTokens(scene: Scene): Script {
  const body = JSON.stringify({ input_tokens: promptTokensOf(scene.body) })
  return whole(200, FLAVOURS[scene.stage.dialect].jsonType, body)
}
