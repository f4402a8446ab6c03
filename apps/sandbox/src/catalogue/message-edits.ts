import { objectOf, type JsonObject } from '../json'
import type { Frame } from '../script'
import { editing } from './edits'
import type { Alteration } from './transport'

/** What the OpenAI-shaped oddities of section F are in Anthropic's events, or in its whole message. */

const ZEROS = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 }

const typeOf = (event: JsonObject): string => String(event.type)

/** The message an event holds, or is. */
const inMessage = (event: JsonObject, change: (message: JsonObject) => JsonObject): JsonObject =>
  event.type === 'message_start' ? { ...event, message: change(objectOf(event.message)) } : change(event)

/** A running total after each word, as `message_delta` events without a reason. */
const usageEvery: Alteration = (script, scene) =>
  editing((event, frame: Frame, made) =>
    frame.role === 'content'
      ? [event, { type: 'message_delta', delta: { stop_reason: null, stop_sequence: null }, usage: { output_tokens: made } }]
      : [event],
  )(script, scene)

/** Zeros with the first event, the whole truth with the last. */
const usageZeros: Alteration = (script, scene) =>
  editing((event) => {
    if (typeOf(event) === 'message_start') return [inMessage(event, (message) => ({ ...message, usage: ZEROS }))]
    if (typeOf(event) !== 'message_delta') return [event]
    return [{ ...event, usage: { input_tokens: script.promptTokens, ...objectOf(event.usage) } }]
  })(script, scene)

const doubleFinish = editing((event) => (typeOf(event) === 'message_delta' ? [event, event] : [event]))

const finishOdd = editing((event, _frame, _made, scene) => {
  const wanted = scene.behaviour.params.reason ?? 'eos'
  const reason = wanted === 'null' ? null : wanted
  if (typeOf(event) === 'message_delta') return [{ ...event, delta: { ...objectOf(event.delta), stop_reason: reason } }]
  return [typeOf(event) === 'message' ? { ...event, stop_reason: reason } : event]
})

const idRepeat = editing((event) =>
  typeOf(event) === 'message_start' || typeOf(event) === 'message'
    ? [inMessage(event, (message) => ({ ...message, id: 'msg_144' }))]
    : [event],
)

/** Edits that take other events on Anthropic's wire, by name. */
export const MESSAGE_EDITS: Record<string, Alteration> = {
  'usage-every': usageEvery,
  'usage-zeros': usageZeros,
  'usage-finish': (script) => script,
  'double-finish': doubleFinish,
  'finish-odd': finishOdd,
  'id-repeat': idRepeat,
}
