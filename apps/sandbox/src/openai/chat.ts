import { answerTo, type Answer } from '../answer'
import { countPrompt, lastUserText, limitOf, toolNamesOf, toolAnswersOf, type Ask } from '../ask'
import { isObject, listOf, numberOf, objectOf, textOf, type JsonObject } from '../json'
import { callId } from '../ids'
import type { ModelCard } from '../model-card'
import type { Scene } from '../scene'
import { streamed, wholeAnswer, type Script } from '../script'
import { chatChunks } from './chunks'
import { choiceLogprobs, FLAVOURS, timingsOf, usageOf } from './flavour'
import { passCompatibleGate } from './gate'
import { generationName } from './generation-name'
import { keepGeneration } from './generations'
import { createdOf, modelOf } from './identity'

function schemaOf(format: unknown): JsonObject | undefined {
  const { type, json_schema: declared } = objectOf(format)
  if (type === 'json_object') return {}
  if (type !== 'json_schema') return undefined
  const { schema } = objectOf(declared)
  return isObject(schema) ? schema : {}
}

function thinkOf(body: JsonObject): boolean | undefined {
  const effort = textOf(body.reasoning_effort) ?? textOf(objectOf(body.reasoning).effort)
  return effort === undefined ? undefined : effort !== 'none'
}

function askOf(scene: Scene, card: ModelCard): Ask {
  const { body, behaviour, stage } = scene
  const messages = listOf(body.messages)
  const tools = listOf(body.tools)
  // Ollama's /v1 knows neither max_completion_tokens nor n (measured).
  const isOllama = stage.dialect === 'ollama'
  const asked = isOllama ? 1 : (numberOf(body.n) ?? 1)
  return {
    model: stage.dialect === 'llamacpp' ? card.name.replace(/:latest$/, '') : (textOf(body.model) ?? ''),
    isStream:
      behaviour.name === 'json-for-stream' ? false : behaviour.name === 'stream-for-json' || body.stream === true,
    promptTokens: countPrompt(messages, tools),
    limit: isOllama ? limitOf(body.max_tokens) : limitOf(body.max_completion_tokens, body.max_tokens),
    lastUser: lastUserText(messages),
    toolNames: body.tool_choice === 'none' && !isOllama ? [] : toolNamesOf(tools),
    toolAnswers: toolAnswersOf(messages),
    schema: schemaOf(body.response_format),
    think: thinkOf(body),
    topLogprobs: body.logprobs === true ? (numberOf(body.top_logprobs) ?? 0) : undefined,
    choices: behaviour.name === 'n2' ? 2 : Math.max(1, asked),
    includeUsage: objectOf(body.stream_options).include_usage === true,
  }
}

function messageOf(scene: Scene, answer: Answer): JsonObject {
  const flavour = FLAVOURS[scene.stage.dialect]
  const text = answer.content.join('')
  const message: JsonObject = { role: 'assistant', content: text }
  if (answer.refusal) Object.assign(message, { content: null, refusal: text })
  else if (flavour.isStrict) message.refusal = null
  if (answer.thinking.length > 0) message[flavour.reasoningKey] = answer.thinking.join('')
  if (answer.calls.length > 0) {
    const isLlamacpp = scene.stage.dialect === 'llamacpp'
    if (flavour.isStrict && text === '') message.content = null
    message.tool_calls = answer.calls.map((call, index) => {
      const id = callId(scene.stage.nextId(), 'long')
      const wire = { name: call.name, arguments: JSON.stringify(call.arguments) }
      if (isLlamacpp) return { type: 'function', function: wire, id }
      return { id, ...(flavour.isStrict ? {} : { index }), type: 'function', function: wire }
    })
  }
  return message
}

function choiceOf(scene: Scene, ask: Ask, answer: Answer, index: number): JsonObject {
  const flavour = FLAVOURS[scene.stage.dialect]
  const choice: JsonObject = { index, message: messageOf(scene, answer) }
  if (flavour.isStrict || ask.topLogprobs !== undefined)
    choice.logprobs = choiceLogprobs(answer.content, ask.topLogprobs)
  choice.finish_reason = answer.refusal ? 'content_filter' : answer.finish
  if (scene.stage.dialect === 'openrouter') choice.native_finish_reason = choice.finish_reason
  if (scene.stage.dialect === 'vllm') choice.stop_reason = null
  return choice
}

function completion(scene: Scene, ask: Ask, answer: Answer): Script {
  const { stage, behaviour } = scene
  const flavour = FLAVOURS[stage.dialect]
  const choices = Array.from({ length: ask.choices }, (_, index) => choiceOf(scene, ask, answer, index))
  const body: JsonObject = {
    id: flavour.chatId(scene),
    object: 'chat.completion',
    created: createdOf(scene),
    model: modelOf(scene, ask),
    ...(flavour.fingerprint === undefined ? {} : { system_fingerprint: flavour.fingerprint }),
    ...flavour.extras(scene),
    choices,
  }
  if (behaviour.name !== 'no-usage') body.usage = usageOf(scene, answer, ask.choices)
  if (stage.dialect === 'llamacpp') body.timings = timingsOf(scene, answer)
  const tokens = answer.tokens * ask.choices
  const script = wholeAnswer(flavour.jsonType, JSON.stringify(body) + flavour.bodyEnd, answer.promptTokens, tokens)
  if (answer.isEndless)
    Object.assign(script, { isSilent: true, ending: 'hang', generatedTokens: Number.MAX_SAFE_INTEGER })
  return script
}

/** POST /v1/chat/completions in every dialect that has it. */
export function compatibleChat(scene: Scene): Script {
  const passage = passCompatibleGate(scene)
  if ('refusal' in passage) return passage.refusal
  const ask = askOf(scene, passage.card)
  const answer = answerTo(ask, scene.behaviour, scene.stage, passage.card)
  const script = ask.isStream
    ? streamed('text/event-stream', chatChunks(scene, ask, answer), answer.promptTokens)
    : completion(scene, ask, answer)
  if (scene.stage.dialect === 'openrouter') {
    // A proxy on the way may let it through or not: `header=0`.
    if (scene.behaviour.params.header !== '0') script.headers['x-generation-id'] = generationName(scene)
    keepGeneration(scene, ask.model, answer)
  }
  return script
}
