import { answerTo, contentPieces, TOKENS_A_CALL, type Answer } from '../answer'
import { countPrompt, lastUserText, limitOf, toolNamesOf, toolAnswersOf, type Ask } from '../ask'
import { ollamaCounts } from '../catalogue/odd'
import { goTime } from '../clock'
import { goJson, isObject, listOf, numberOf, objectOf, textOf, type JsonObject } from '../json'
import { callId } from '../ids'
import { logprobsOf } from '../logprobs'
import type { Scene } from '../scene'
import { streamed, whole, wholeAnswer, type Frame, type Script } from '../script'
import { keepAliveMs, OLLAMA_JSON } from './errors'
import { passGate } from './gate'

const NDJSON = 'application/x-ndjson'

/** How chat and generate differ on the wire: where the text goes. */
interface Shape {
  piece(text: string, thinking: string): string
  last(text: string, thinking: string, calls: unknown[]): string
  /** Members beside the metrics on the last line. */
  tail: JsonObject
  /** What the model's load took; a little even where it was in memory. */
  loadNs: number
}

/** What a real server reported of a model that was in memory. */
const WARM_NS = 624_886

const CHAT_SHAPE: Shape = {
  piece: (text, thinking) =>
    `"message":{"role":"assistant","content":${goJson(text)}${thinking === '' ? '' : `,"thinking":${goJson(thinking)}`}}`,
  last: (text, thinking, calls) =>
    `"message":{"role":"assistant","content":${goJson(text)}${thinking === '' ? '' : `,"thinking":${goJson(thinking)}`}${
      calls.length === 0 ? '' : `,"tool_calls":${goJson(calls)}`
    }}`,
  tail: {},
  loadNs: WARM_NS,
}

const generateShape = (withContext: boolean): Shape => ({
  piece: (text, thinking) => `"response":${goJson(text)}${thinking === '' ? '' : `,"thinking":${goJson(thinking)}`}`,
  last: (text, thinking) => `"response":${goJson(text)}${thinking === '' ? '' : `,"thinking":${goJson(thinking)}`}`,
  tail: withContext ? { context: [3, 345, 343, 329, 342, 15, 300, 333] } : {},
  loadNs: WARM_NS,
})

function thinkOf(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined
  return value !== false
}

function askOf(scene: Scene, promptTokens: number, lastUser: string): Ask {
  const { body } = scene
  const messages = listOf(body.messages)
  return {
    model: textOf(body.model) ?? '',
    isStream: body.stream !== false,
    promptTokens,
    limit: limitOf(objectOf(body.options).num_predict),
    lastUser,
    toolNames: toolNamesOf(listOf(body.tools)),
    toolAnswers: toolAnswersOf(messages),
    schema: isObject(body.format) ? body.format : body.format === 'json' ? {} : undefined,
    think: thinkOf(body.think),
    topLogprobs: body.logprobs === true ? (numberOf(body.top_logprobs) ?? 0) : undefined,
    choices: 1,
    includeUsage: true,
  }
}

function metrics(scene: Scene, answer: Answer, loadNs: number): string {
  const totalNs = 4_000_000 + loadNs + answer.tokens * 500_000
  const counts = ollamaCounts(scene.behaviour, answer)
  const { prompt_eval_count: prompt, eval_count: completion } = counts
  return (
    `"total_duration":${totalNs},"load_duration":${loadNs}` +
    (prompt === undefined ? '' : `,"prompt_eval_count":${JSON.stringify(prompt)}`) +
    `,"prompt_eval_duration":1337000` +
    (completion === undefined ? '' : `,"eval_count":${JSON.stringify(completion)}`) +
    `,"eval_duration":${1 + answer.tokens * 500_000}`
  )
}

function wireCalls(scene: Scene, answer: Answer): unknown[] {
  return answer.calls.map((call, index) => ({
    id: callId(scene.stage.nextId(), scene.behaviour.name === 'tool-early' ? 'short' : 'long'),
    function: { index, name: call.name, arguments: call.arguments },
  }))
}

const createdAt = (scene: Scene): string =>
  scene.behaviour.name === 'clock-skew'
    ? new Date(scene.stage.clock.nowMs() - 3_600_000).toISOString()
    : goTime(scene.stage.clock.nowMs())

/** The stream's lines: thinking, content, then the last one with the reason and the counts. */
function* lines(scene: Scene, ask: Ask, answer: Answer, shape: Shape): Generator<Frame> {
  const head = `{"model":${goJson(ask.model)},"created_at":"`
  const logprobs = (text: string): string =>
    ask.topLogprobs === undefined ? '' : `,"logprobs":${goJson(logprobsOf([text], ask.topLogprobs, 'omit'))}`
  for (const piece of answer.thinking) {
    const data = `${head}${createdAt(scene)}",${shape.piece('', piece)},"done":false${logprobs(piece)}}\n`
    yield { role: 'thinking', data, tokens: 1 }
  }
  for (const piece of contentPieces(answer)) {
    const data = `${head}${createdAt(scene)}",${shape.piece(piece, '')},"done":false${logprobs(piece)}}\n`
    yield { role: 'content', data, tokens: 1 }
  }
  let calls = wireCalls(scene, answer)
  let booked = answer.thinking.length + answer.content.length
  if (calls.length > 0 && scene.behaviour.name === 'tool-early') {
    const tokens = calls.length * TOKENS_A_CALL
    yield { role: 'tool', data: `${head}${createdAt(scene)}",${shape.last('', '', calls)},"done":false}\n`, tokens }
    calls = []
    booked += tokens
  }
  const data = `${head}${createdAt(scene)}",${lastMembers(scene, answer, shape, '', '', calls)}}\n`
  yield { role: 'finish', data, tokens: Math.max(0, answer.tokens - booked) }
}

function lastMembers(
  scene: Scene,
  answer: Answer,
  shape: Shape,
  text: string,
  thinking: string,
  calls: unknown[],
): string {
  const reason = answer.finish === 'length' ? 'length' : 'stop'
  const tail = Object.entries(shape.tail).map(([key, value]) => `,"${key}":${goJson(value)}`)
  return `${shape.last(text, thinking, calls)},"done":true,"done_reason":"${reason}"${tail.join('')},${metrics(scene, answer, shape.loadNs)}`
}

function inOne(scene: Scene, ask: Ask, answer: Answer, shape: Shape): Script {
  const text = answer.content.join('')
  const logprobs =
    ask.topLogprobs === undefined ? '' : `,"logprobs":${goJson(logprobsOf(answer.content, ask.topLogprobs, 'omit'))}`
  const members = lastMembers(scene, answer, shape, text, answer.thinking.join(''), wireCalls(scene, answer))
  const body = `{"model":${goJson(ask.model)},"created_at":"${createdAt(scene)}",${members}${logprobs}}`
  const script = wholeAnswer(OLLAMA_JSON, body, answer.promptTokens, answer.tokens)
  if (answer.isEndless)
    Object.assign(script, { isSilent: true, ending: 'hang', generatedTokens: Number.MAX_SAFE_INTEGER })
  return script
}

/** The answer to a request without a prompt: the model is put in memory, or taken out when `keep_alive` is 0. */
function loadOnly(scene: Scene, shape: Shape): Script {
  const reason = keepAliveMs(scene.body.keep_alive) === 0 || scene.behaviour.name === 'unload' ? 'unload' : 'load'
  const head = `{"model":${goJson(scene.body.model)},"created_at":"${createdAt(scene)}",${shape.piece('', '')}`
  return whole(200, OLLAMA_JSON, `${head},"done":true,"done_reason":"${reason}"}`)
}

function generate(
  scene: Scene,
  use: 'chat' | 'generate',
  promptTokens: number,
  prompt: string,
  isEmpty: boolean,
): Script {
  const passage = passGate(scene, use)
  if ('refusal' in passage) return passage.refusal
  const { stage, behaviour, body } = scene
  const load = stage.shelf.load(passage.card.name, stage.clock.nowMs() + (keepAliveMs(body.keep_alive) ?? 0))
  const loadNs = load && load.loadMs > 0 ? load.loadMs * 1_000_000 : WARM_NS
  const shape = { ...(use === 'chat' ? CHAT_SHAPE : generateShape(body.raw !== true)), loadNs }
  if (isEmpty || behaviour.name === 'load-only' || behaviour.name === 'unload') return loadOnly(scene, shape)
  const ask = askOf(scene, promptTokens, prompt)
  const answer = answerTo(ask, behaviour, stage, passage.card)
  const script = ask.isStream
    ? streamed(NDJSON, lines(scene, ask, answer, shape), answer.promptTokens)
    : inOne(scene, ask, answer, shape)
  return { ...script, loadMs: load?.waitMs ?? 0 }
}

/** POST /api/chat. */
export function ollamaChat(scene: Scene): Script {
  const messages = listOf(scene.body.messages)
  const promptTokens = countPrompt(messages, listOf(scene.body.tools))
  return generate(scene, 'chat', promptTokens, lastUserText(messages), messages.length === 0)
}

/** POST /api/generate: the prompt counts as one message, a system text as another. */
export function ollamaGenerate(scene: Scene): Script {
  const prompt = textOf(scene.body.prompt) ?? ''
  const system = textOf(scene.body.system)
  const messages = [...(system ? [{ content: system }] : []), { content: prompt }]
  return generate(scene, 'generate', countPrompt(messages, []), prompt, prompt === '')
}
