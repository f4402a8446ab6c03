import { contentPieces, TOKENS_A_CALL, type Answer } from '../answer'
import type { Ask } from '../ask'
import type { JsonObject } from '../json'
import type { Scene } from '../scene'
import type { Frame, FrameRole } from '../script'
import { headOf, inputUsage, outputUsage, stopMembers, stopReason, toolUse } from './message'

const event = (role: FrameRole, value: JsonObject, tokens = 0): Frame => ({
  role,
  data: `event: ${String(value.type)}\ndata: ${JSON.stringify(value)}\n\n`,
  tokens,
})

const blockStart = (index: number, block: JsonObject): Frame =>
  event('open', { type: 'content_block_start', index, content_block: block })

const delta = (role: FrameRole, index: number, value: JsonObject, tokens: number): Frame =>
  event(role, { type: 'content_block_delta', index, delta: value }, tokens)

const blockStop = (index: number): Frame => event('open', { type: 'content_block_stop', index })

/** The fragments of a call's arguments; Anthropic's first is empty. */
function callParts({ stage }: Scene, text: string): string[] {
  const fragments = ['{', ...text.slice(1).split(/(?<=:)/)]
  if (stage.dialect === 'anthropic') return ['', ...fragments.slice(0, 2), fragments.slice(2).join('')]
  return stage.dialect === 'llamacpp' ? fragments : [text]
}

function* blocks(scene: Scene, answer: Answer): Generator<Frame> {
  let index = 0
  if (answer.thinking.length > 0) {
    yield blockStart(index, { type: 'thinking', thinking: '', signature: '' })
    for (const piece of answer.thinking) yield delta('thinking', index, { type: 'thinking_delta', thinking: piece }, 1)
    yield delta('open', index, { type: 'signature_delta', signature: 'c2FuZGJveA==' }, 0)
    yield blockStop(index++)
  }
  if (answer.calls.length === 0 || answer.content.length > 0) {
    yield blockStart(index, { type: 'text', text: '' })
    if (scene.stage.dialect === 'openai' || scene.stage.dialect === 'anthropic') yield event('noise', { type: 'ping' })
    for (const piece of contentPieces(answer)) yield delta('content', index, { type: 'text_delta', text: piece }, 1)
    yield blockStop(index++)
  }
  for (const call of answer.calls) {
    const { input: _, ...bare } = toolUse(scene, call, {})
    const isLlamacpp = scene.stage.dialect === 'llamacpp'
    yield blockStart(index, isLlamacpp ? bare : { ...bare, input: {} })
    const text = JSON.stringify(call.arguments)
    const parts = callParts(scene, text)
    for (const partial of parts) {
      yield delta('tool', index, { type: 'input_json_delta', partial_json: partial }, TOKENS_A_CALL / parts.length)
    }
    yield blockStop(index++)
  }
}

/** The first figures are small or estimates; the true ones come with message_delta (Ollama: measured). */
function firstUsage(scene: Scene, answer: Answer): JsonObject {
  if (scene.behaviour.name === 'no-usage') return {}
  if (scene.stage.dialect === 'ollama') return { input_tokens: 1, output_tokens: 0 }
  const said = { ...inputUsage(scene, answer), output_tokens: scene.stage.dialect === 'anthropic' ? 1 : 0 }
  return scene.stage.dialect === 'anthropic' ? { ...said, service_tier: 'standard' } : said
}

/** The events of a streamed message, in Anthropic's order. */
export function* messageEvents(scene: Scene, ask: Ask, answer: Answer): Generator<Frame> {
  const isOllama = scene.stage.dialect === 'ollama'
  const message = {
    ...headOf(scene, ask),
    content: [],
    ...stopMembers(scene, null),
    usage: firstUsage(scene, answer),
  }
  yield event('open', { type: 'message_start', message })
  yield* blocks(scene, answer)
  const booked = answer.thinking.length + answer.content.length + answer.calls.length * TOKENS_A_CALL
  const usage = { ...(isOllama ? inputUsage(scene, answer) : {}), ...outputUsage(scene, answer) }
  const end = { type: 'message_delta', delta: stopMembers(scene, stopReason(answer)), usage }
  yield event('finish', end, Math.max(0, answer.tokens - booked))
  yield event('done', { type: 'message_stop' })
}
