import { contentPieces, type Answer, TOKENS_A_CALL } from '../answer'
import type { Ask } from '../ask'
import { callId } from '../ids'
import type { JsonObject } from '../json'
import type { Scene } from '../scene'
import type { Frame, FrameRole } from '../script'
import { createdOf, modelOf } from './identity'
import { choiceLogprobs, FLAVOURS, timingsOf, usageOf } from './flavour'

/** One SSE event of a JSON value. */
export const sseEvent = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

/** The end of a stream that went well. */
export const SSE_DONE: Frame = { role: 'done', data: 'data: [DONE]\n\n', tokens: 0 }

interface ChunkHead {
  /** Members up to `choices`. */
  front: string
  /** Members after `choices`, without the closing brace. */
  back: string
}

function headOf(scene: Scene, ask: Ask): ChunkHead {
  const flavour = FLAVOURS[scene.stage.dialect]
  const head: JsonObject = {
    id: flavour.chatId(scene),
    object: 'chat.completion.chunk',
    created: createdOf(scene),
    model: modelOf(scene, ask),
    ...(flavour.fingerprint === undefined ? {} : { system_fingerprint: flavour.fingerprint }),
    ...flavour.extras(scene),
  }
  const isUsageNull = scene.stage.dialect === 'openai' && ask.includeUsage
  return { front: JSON.stringify(head).slice(0, -1), back: isUsageNull ? ',"usage":null' : '' }
}

/** Writes the chunks of one answer; kept apart from the order they come in. */
class ChunkMaker {
  private readonly head: ChunkHead

  constructor(
    private readonly scene: Scene,
    private readonly ask: Ask,
  ) {
    this.head = headOf(scene, ask)
  }

  delta(role: FrameRole, index: number, delta: JsonObject, tokens: number, logprobPiece?: string): Frame {
    const { isStrict } = FLAVOURS[this.scene.stage.dialect]
    const { topLogprobs } = this.ask
    const logprobs =
      topLogprobs !== undefined && logprobPiece !== undefined
        ? `"logprobs":${JSON.stringify(choiceLogprobs([logprobPiece], topLogprobs))},`
        : isStrict
          ? '"logprobs":null,'
          : ''
    const choice = `{"index":${index},"delta":${JSON.stringify(delta)},${logprobs}"finish_reason":null}`
    return { role, data: `data: ${this.head.front},"choices":[${choice}]${this.head.back}}\n\n`, tokens }
  }

  finish(index: number, reason: string | null, tokens: number, extra: JsonObject = {}): Frame {
    const { dialect } = this.scene.stage
    const choice: JsonObject = { index, delta: {}, finish_reason: reason }
    if (FLAVOURS[dialect].isStrict) choice.logprobs = null
    if (dialect === 'openrouter') choice.native_finish_reason = reason
    if (dialect === 'vllm') choice.stop_reason = null
    const more = Object.entries(extra).map(([key, value]) => `,"${key}":${JSON.stringify(value)}`)
    const back = 'usage' in extra ? '' : this.head.back
    const data = `data: ${this.head.front},"choices":[${JSON.stringify(choice)}]${back}${more.join('')}}\n\n`
    return { role: 'finish', data, tokens }
  }

  usage(members: JsonObject): Frame {
    const more = Object.entries(members).map(([key, value]) => `,"${key}":${JSON.stringify(value)}`)
    return { role: 'usage', data: `data: ${this.head.front},"choices":[]${more.join('')}}\n\n`, tokens: 0 }
  }
}

function* callChunks(scene: Scene, answer: Answer, maker: ChunkMaker, index: number): Generator<Frame> {
  const { dialect } = scene.stage
  const ids = answer.calls.map(() => callId(scene.stage.nextId(), 'long'))
  const { name, params } = scene.behaviour
  const isWhole = dialect === 'ollama' || name === 'tool-noindex' || name === 'tool-same-index' || (name === 'tool-repeat' && params.kind === 'whole')
  if (isWhole) {
    for (const [at, call] of answer.calls.entries()) {
      const wire = { name: call.name, arguments: JSON.stringify(call.arguments) }
      const bare = { id: '', type: 'function', function: wire }
      const full = { id: ids[at], index: at, type: 'function', function: wire }
      const delta: JsonObject = dialect === 'ollama' ? { role: 'assistant', content: '' } : {}
      delta.tool_calls = [scene.behaviour.name === 'tool-noindex' ? bare : full]
      yield maker.delta('tool', index, delta, TOKENS_A_CALL)
    }
    return
  }
  for (const [at, call] of answer.calls.entries()) {
    const wire = { name: call.name, arguments: '{' }
    yield maker.delta('tool', index, { tool_calls: [{ index: at, id: ids[at], type: 'function', function: wire }] }, 2)
  }
  // Fragments of parallel calls alternate, as a server that decodes them side by side would send them.
  const fragments = answer.calls.map((call) =>
    JSON.stringify(call.arguments)
      .slice(1)
      .split(/(?<=:)/),
  )
  for (let step = 0; step < Math.max(...fragments.map((parts) => parts.length)); step++) {
    for (const [at, parts] of fragments.entries()) {
      const part = parts[step]
      if (part === undefined) continue
      const text = step === 0 ? part : ` ${part}`
      yield maker.delta('tool', index, { tool_calls: [{ index: at, function: { arguments: text } }] }, 2)
    }
  }
}

function* textChunks(scene: Scene, answer: Answer, maker: ChunkMaker, choices: number): Generator<Frame> {
  const flavour = FLAVOURS[scene.stage.dialect]
  const isRoleInFirst = flavour.opening === undefined
  let isFirst = isRoleInFirst
  const openingOf = (): JsonObject => {
    const opening: JsonObject = isFirst ? { role: 'assistant' } : {}
    isFirst = false
    return opening
  }
  for (const piece of answer.thinking) {
    const delta = { ...openingOf(), ...(isRoleInFirst ? { content: '' } : {}), [flavour.reasoningKey]: piece }
    for (let index = 0; index < choices; index++) yield maker.delta('thinking', index, delta, 1)
  }
  for (const piece of contentPieces(answer)) {
    const delta = { ...openingOf(), [answer.refusal ? 'refusal' : 'content']: piece }
    for (let index = 0; index < choices; index++) yield maker.delta('content', index, delta, 1, piece)
  }
}

/** The stream of a chat completion: opening, words or calls, finish, usage when due, [DONE]. */
export function* chatChunks(scene: Scene, ask: Ask, answer: Answer): Generator<Frame> {
  const { stage, behaviour } = scene
  const flavour = FLAVOURS[stage.dialect]
  const maker = new ChunkMaker(scene, ask)
  const each = Array.from({ length: ask.choices }, (_, index) => index)
  if (flavour.opening) for (const index of each) yield maker.delta('open', index, flavour.opening, 0)
  if (answer.calls.length === 0 || answer.content.length > 0) yield* textChunks(scene, answer, maker, ask.choices)
  if (answer.calls.length > 0) for (const index of each) yield* callChunks(scene, answer, maker, index)
  const booked = answer.thinking.length + answer.content.length + answer.calls.length * TOKENS_A_CALL
  const reason = answer.refusal ? 'content_filter' : answer.finish
  const isUsageDue = (ask.includeUsage || flavour.alwaysUsage) && behaviour.name !== 'no-usage'
  const timings = stage.dialect === 'llamacpp' ? { timings: timingsOf(scene, answer) } : {}
  for (const index of each) {
    yield maker.finish(index, reason, Math.max(0, answer.tokens - booked), isUsageDue ? {} : timings)
  }
  if (isUsageDue) yield maker.usage({ usage: usageOf(scene, answer, ask.choices), ...timings })
  yield SSE_DONE
}
