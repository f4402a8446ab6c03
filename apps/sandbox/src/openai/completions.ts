import { answerTo, contentPieces, type Answer } from '../answer'
import { contentText, countPrompt, limitOf, type Ask } from '../ask'
import { listOf, numberOf, objectOf, textOf, type JsonObject } from '../json'
import { letters } from '../ids'
import type { Scene } from '../scene'
import { streamed, wholeAnswer, type Frame, type Script } from '../script'
import { createdOf, modelOf } from './identity'
import { SSE_DONE, sseEvent } from './chunks'
import { modelMissing } from './errors'
import { FLAVOURS, timingsOf, usageOf } from './flavour'
import { cardFor } from './gate'

const OPENAI_DEFAULT_LIMIT = 16

function askOf(scene: Scene, model: string): Ask {
  const { body, stage } = scene
  const prompt = typeof body.prompt === 'string' ? body.prompt : listOf(body.prompt).map(contentText).join(' ')
  const limit = limitOf(body.max_tokens)
  return {
    model,
    isStream: body.stream === true,
    promptTokens: countPrompt([{ content: prompt }], []),
    limit: limit === Infinity && stage.dialect === 'openai' ? OPENAI_DEFAULT_LIMIT : limit,
    lastUser: prompt,
    toolNames: [],
    toolAnswers: [],
    schema: undefined,
    think: false,
    topLogprobs: undefined,
    choices: stage.dialect === 'ollama' ? 1 : Math.max(1, numberOf(body.n) ?? 1),
    includeUsage: objectOf(body.stream_options).include_usage === true,
  }
}

function idOf(scene: Scene): string {
  const sequence = scene.stage.nextId()
  if (scene.stage.dialect === 'llamacpp') return `chatcmpl-${letters(`completion-${sequence}`, 32)}`
  return scene.stage.dialect === 'ollama' ? `cmpl-${sequence % 999}` : `cmpl-${letters(`completion-${sequence}`, 29)}`
}

function frameOf(scene: Scene, ask: Ask, id: string, choices: JsonObject[]): JsonObject {
  const { fingerprint } = FLAVOURS[scene.stage.dialect]
  return {
    id,
    object: 'text_completion',
    created: createdOf(scene),
    choices,
    model: modelOf(scene, ask),
    ...(fingerprint === undefined ? {} : { system_fingerprint: fingerprint }),
  }
}

const ZEROS = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

function* chunks(scene: Scene, ask: Ask, answer: Answer): Generator<Frame> {
  const id = idOf(scene)
  const isOllama = scene.stage.dialect === 'ollama'
  // Ollama puts a usage of zeros on every chunk before the true one (measured).
  const zeros = isOllama && ask.includeUsage ? { usage: ZEROS } : {}
  const choice = (text: string, index: number, finish: string | null): JsonObject =>
    isOllama ? { text, index, finish_reason: finish } : { text, index, logprobs: null, finish_reason: finish }
  for (const piece of contentPieces(answer)) {
    for (let index = 0; index < ask.choices; index++) {
      const data = sseEvent({ ...frameOf(scene, ask, id, [choice(piece, index, null)]), ...zeros })
      yield { role: 'content', data, tokens: 1 }
    }
  }
  const rest = Math.max(0, answer.tokens - answer.content.length)
  for (let index = 0; index < ask.choices; index++) {
    const data = sseEvent({ ...frameOf(scene, ask, id, [choice('', index, answer.finish)]), ...zeros })
    yield { role: 'finish', data, tokens: rest }
  }
  if (ask.includeUsage && scene.behaviour.name !== 'no-usage') {
    const usage = usageOf(scene, answer, ask.choices)
    yield { role: 'usage', data: sseEvent({ ...frameOf(scene, ask, id, []), usage }), tokens: 0 }
  }
  yield SSE_DONE
}

/** POST /v1/completions, the older form. */
export function compatibleCompletions(scene: Scene): Script {
  const { stage, behaviour } = scene
  const card = cardFor(scene)
  const flavour = FLAVOURS[stage.dialect]
  if (!card) return modelMissing(scene, textOf(scene.body.model) ?? '')
  const ask = askOf(
    scene,
    stage.dialect === 'llamacpp' ? card.name.replace(/:latest$/, '') : (textOf(scene.body.model) ?? ''),
  )
  const answer = answerTo(ask, behaviour, stage, card)
  if (ask.isStream) return streamed('text/event-stream', chunks(scene, ask, answer), answer.promptTokens)
  const text = answer.content.join('')
  const choices = Array.from({ length: ask.choices }, (_, index) => ({
    text,
    index,
    ...(stage.dialect === 'ollama' ? {} : { logprobs: null }),
    finish_reason: answer.finish,
  }))
  const body = {
    ...frameOf(scene, ask, idOf(scene), choices),
    ...(behaviour.name === 'no-usage' ? {} : { usage: usageOf(scene, answer, ask.choices) }),
    ...(stage.dialect === 'llamacpp' ? { timings: timingsOf(scene, answer) } : {}),
  }
  const script = wholeAnswer(
    flavour.jsonType,
    JSON.stringify(body) + flavour.bodyEnd,
    answer.promptTokens,
    answer.tokens * ask.choices,
  )
  if (answer.isEndless)
    Object.assign(script, { isSilent: true, ending: 'hang', generatedTokens: Number.MAX_SAFE_INTEGER })
  return script
}
