import { isObject, listOf, objectOf, type JsonObject } from '../json'
import { editing, type Edit } from './edits'
import type { Alteration } from './transport'

/** What a confused proxy or server sends twice, or in another order (T16, 30). */

const lateWord = (index: unknown): JsonObject => ({ type: 'content_block_delta', index, delta: { type: 'text_delta', text: ' late' } })

const REPEATS: Record<string, Edit> = {
  chunk: (event, { role }) => (role === 'content' ? [event, event] : [event]),
  choice: (event) => (Array.isArray(event.choices) ? [{ ...event, choices: [...(event.choices as unknown[]), ...(event.choices as unknown[])] }] : [event]),
  start: (event) => (event.type === 'content_block_start' ? [event, event] : [event]),
  late: (event) => (event.type === 'content_block_stop' ? [event, lateWord(event.index)] : [event]),
}

/** `kind=chunk` every word, `choice` the choice of every chunk, `start` Anthropic's start of a block; `late` a word after the block's end. */
const repeat: Alteration = (script, scene) => editing(REPEATS[scene.behaviour.params.kind ?? 'chunk'] ?? REPEATS.chunk!)(script, scene)

const twice = (calls: unknown): unknown[] => listOf(calls).flatMap((call) => [call, call])

/** The calls of a message, wherever a dialect holds them, each twice; undefined when it has none. */
function withTwice(message: JsonObject): JsonObject | undefined {
  if (Array.isArray(message.tool_calls)) return { ...message, tool_calls: twice(message.tool_calls) }
  const { content } = message
  if (!Array.isArray(content) || !content.some((block) => objectOf(block).type === 'tool_use')) return undefined
  return { ...message, content: twice(content) }
}

/** Every call twice: in the list that holds it, else the event that tells it. */
const toolRepeat = editing((event, { role }) => {
  const inner = withTwice(objectOf(event.message))
  if (inner) return [{ ...event, message: inner }]
  const own = withTwice(event)
  if (own) return [own]
  const choices = listOf(event.choices).map((choice) => ({ ...objectOf(choice), message: withTwice(objectOf(objectOf(choice).message)) }))
  if (choices.some(({ message }) => message !== undefined)) return [{ ...event, choices }]
  return role === 'tool' ? [event, event] : [event]
})

/** The numbers of calls in a stream, changed. */
const renumbered = (change: (index: number) => number): Alteration =>
  editing((event) => {
    const choices = listOf(event.choices).map(objectOf)
    if (!choices.some((choice) => isObject(choice.delta) && Array.isArray(choice.delta.tool_calls))) return [event]
    const renumber = (call: unknown) => ({ ...objectOf(call), index: change(Number(objectOf(call).index)) })
    return [{ ...event, choices: choices.map((choice) => ({ ...choice, delta: { ...objectOf(choice.delta), tool_calls: listOf(objectOf(choice.delta).tool_calls).map(renumber) } })) }]
  })

/** Behaviours that tell something twice or out of order, by name. */
export const REPEATED: Record<string, Alteration> = {
  repeat,
  'tool-repeat': toolRepeat,
  'tool-same-index': renumbered(() => 0),
  'tool-reordered': renumbered((index) => 1 - index),
}
