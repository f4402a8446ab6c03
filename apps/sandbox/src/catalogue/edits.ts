import { setting } from '../behaviour'
import { isObject, listOf, objectOf, type JsonObject } from '../json'
import type { Scene } from '../scene'
import type { Frame, Script } from '../script'
import { noise, withFrames } from './frames'
import { surfaceOf } from './refusal'
import type { Alteration } from './transport'

/** Changes one JSON event; several may come of one, and none drops it. `made` counts the tokens sent with it included. */
export type Edit = (event: JsonObject, frame: Frame, made: number, scene: Scene) => JsonObject[]

/** Frames with each JSON event edited; what is no JSON event passes untouched. */
function* edited(script: Script, scene: Scene, edit: Edit): Generator<Frame> {
  let made = 0
  for (const frame of script.frames) {
    made += frame.tokens
    const text = frame.data.toString()
    const at = text.indexOf('{')
    if (at < 0) {
      yield frame
      continue
    }
    const head = text.slice(0, at)
    const end = text.endsWith('\n\n') ? '\n\n' : text.endsWith('\n') ? '\n' : ''
    const results = edit(JSON.parse(text.slice(at)) as JsonObject, frame, made, scene)
    for (const [index, result] of results.entries()) {
      const named = head.startsWith('event: ') ? `event: ${String(result.type)}\ndata: ` : head
      yield { role: frame.role, data: `${named}${JSON.stringify(result)}${end}`, tokens: index === 0 ? frame.tokens : 0 }
    }
  }
}

/** An alteration that edits every JSON event of an answer that went well. */
export const editing =
  (edit: Edit): Alteration =>
  (script, scene) =>
    script.status === 200 ? withFrames(script, edited(script, scene, edit)) : script

const isChunk = (event: JsonObject): boolean => Array.isArray(event.choices)

function totals(event: JsonObject, promptTokens: number, made: number): JsonObject {
  return {
    ...event,
    usage: {
      ...objectOf(event.usage),
      prompt_tokens: promptTokens,
      completion_tokens: made,
      total_tokens: promptTokens + made,
    },
  }
}

/** Running totals on every chunk (vLLM's continuous_usage_stats). */
const usageEvery: Alteration = (script, scene) =>
  editing((event, _, made) => (isChunk(event) ? [totals(event, script.promptTokens, made)] : [event]))(script, scene)

/** Zeros on every chunk but the last. */
const usageZeros: Alteration = (script, scene) =>
  editing((event, frame, made) => {
    if (!isChunk(event) || script.isWhole) return [event]
    return [frame.role === 'usage' ? totals(event, script.promptTokens, made) : { ...event, usage: ZEROS }]
  })(script, scene)

const ZEROS = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

/** Usage on the chunk that finishes, none after. */
const usageFinish: Alteration = (script, scene) =>
  editing((event, frame, made) => {
    if (!isChunk(event) || script.isWhole) return [event]
    if (frame.role === 'usage') return []
    return [frame.role === 'finish' ? totals(event, script.promptTokens, made) : event]
  })(script, scene)

/** Every event names another model than was asked, as a host does whose weights were swapped. */
const wrongModel = editing((event, _frame, _made, scene) => {
  const model = scene.behaviour.params.as ?? 'another-model'
  const inner = objectOf(event.message)
  return [event.model !== undefined ? { ...event, model } : inner.model !== undefined ? { ...event, message: { ...inner, model } } : event]
})

/** Two events finish the choice. */
const doubleFinish = editing((event, frame) => (frame.role === 'finish' && isChunk(event) ? [event, event] : [event]))

/** A finish reason outside the usual list; `reason=null` leaves it null. */
const finishOdd = editing((event, frame, _, scene) => {
  if (frame.role !== 'finish' && frame.role !== 'body') return [event]
  const wanted = scene.behaviour.params.reason ?? 'eos'
  const reason = wanted === 'null' ? null : wanted
  if (!isChunk(event)) return [{ ...event, done_reason: reason }]
  return [
    { ...event, choices: listOf(event.choices).map((choice) => ({ ...objectOf(choice), finish_reason: reason })) },
  ]
})

const idRepeat = editing((event) => [isChunk(event) ? { ...event, id: 'chatcmpl-144' } : event])

function nested(depth: number): JsonObject {
  return depth === 0 ? { bottom: true } : { deeper: nested(depth - 1) }
}

/** Unknown members at every level of an event, one of them 40 levels deep. */
function withExtras(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExtras)
  if (!isObject(value)) return value
  const inner = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withExtras(member)]))
  return { ...inner, x_sandbox_unknown: [1, 'two', null] }
}

const extraFields = editing((event) => [{ ...objectOf(withExtras(event)), x_sandbox_deep: nested(40) }])

/** A first chunk without choices, as Azure sends it for its content filter. */
const emptyChoicesFirst: Alteration = (script, scene) => {
  if (script.isWhole || surfaceOf(scene) !== 'compatible') return script
  const filter = {
    id: '',
    object: '',
    created: 0,
    model: '',
    choices: [],
    prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }],
  }
  function* led(): Generator<Frame> {
    yield noise(`data: ${JSON.stringify(filter)}\n\n`)
    yield* script.frames
  }
  return { ...script, frames: led() }
}

/** Comments (or Anthropic's ping events) every `every` ms, `count` of them before the first data and one between. */
const ping: Alteration = (script, scene) => {
  if (script.isWhole || surfaceOf(scene) === 'native') return script
  const everyMs = setting(scene.behaviour, 'every', 200)
  const count = setting(scene.behaviour, 'count', 3)
  const bytes =
    surfaceOf(scene) === 'messages'
      ? 'event: ping\ndata: {"type": "ping"}\n\n'
      : scene.stage.dialect === 'llamacpp'
        ? ':\n\n'
        : ': OPENROUTER PROCESSING\n\n'
  const beat: Frame = { ...noise(bytes), waitMs: everyMs }
  function* beating(): Generator<Frame> {
    for (let index = 0; index < count; index++) yield beat
    for (const frame of script.frames) {
      yield frame
      if (frame.role === 'content') yield beat
    }
  }
  return { ...script, frames: beating() }
}

/** Behaviours of section F that rewrite events, and the pings of section B, by name. */
export const EDITS: Record<string, Alteration> = {
  'usage-every': usageEvery,
  'usage-zeros': usageZeros,
  'usage-finish': usageFinish,
  'double-finish': doubleFinish,
  'finish-odd': finishOdd,
  'id-repeat': idRepeat,
  'extra-fields': extraFields,
  'empty-choices-first': emptyChoicesFirst,
  'wrong-model': wrongModel,
  ping,
}
