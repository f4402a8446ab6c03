import type { Answer, Call } from '../answer'
import type { Ask } from '../ask'
import { reportedUsage } from '../catalogue/odd'
import { callId, hexDigits, letters } from '../ids'
import type { JsonObject } from '../json'
import { modelOf } from '../openai/identity'
import type { Scene } from '../scene'

/** Anthropic's word for how an answer ended. */
export function stopReason(answer: Answer): string {
  if (answer.refusal) return 'refusal'
  return { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' }[answer.finish]
}

/** Input counts: where a prompt cache is told, cached tokens stand beside `input_tokens`, not in them. */
export function inputUsage(scene: Scene, answer: Answer): JsonObject {
  const { behaviour, stage } = scene
  if (behaviour.name === 'no-usage') return {}
  const cached = behaviour.name === 'ok-cached' ? Math.max(0, answer.promptTokens - 1) : 0
  const { prompt_tokens: prompt } = reportedUsage(behaviour, answer.promptTokens, answer.tokens)
  const input = { input_tokens: typeof prompt === 'number' ? prompt - cached : prompt }
  if (stage.dialect === 'ollama') return input
  if (stage.dialect === 'llamacpp') return { cache_read_input_tokens: cached, ...input }
  const parts = { cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 } }
  return { ...input, cache_creation_input_tokens: 0, cache_read_input_tokens: cached, ...(stage.dialect === 'anthropic' ? parts : {}) }
}

/** The completion's count, as told. */
export function outputUsage({ behaviour }: Scene, answer: Answer): JsonObject {
  if (behaviour.name === 'no-usage') return {}
  return { output_tokens: reportedUsage(behaviour, answer.promptTokens, answer.tokens).completion_tokens }
}

function idOf(scene: Scene): string {
  const sequence = scene.stage.nextId()
  if (scene.stage.dialect === 'llamacpp') return `chatcmpl-${letters(`message-${sequence}`, 32)}`
  if (scene.stage.dialect === 'anthropic') return `msg_01${letters(`message-${sequence}`, 22)}`
  return `msg_${hexDigits(`message-${sequence}`, 24)}`
}

/** Members Ollama leaves out and others send. */
export const stopMembers = (scene: Scene, reason: string | null): JsonObject =>
  scene.stage.dialect === 'ollama'
    ? reason === null
      ? {}
      : { stop_reason: reason }
    : { stop_reason: reason, stop_sequence: null }

function toolUseId({ stage }: Scene): string {
  const sequence = stage.nextId()
  return stage.dialect === 'anthropic' ? `toolu_01${letters(`call-${sequence}`, 22)}` : callId(sequence, 'long')
}

/** A call as a content block. */
export const toolUse = (scene: Scene, call: Call, input: JsonObject): JsonObject => ({
  type: 'tool_use',
  id: toolUseId(scene),
  name: call.name,
  input,
})

/** The members every message begins with. */
export const headOf = (scene: Scene, ask: Ask): JsonObject => ({
  id: idOf(scene),
  type: 'message',
  role: 'assistant',
  model: modelOf(scene, ask),
})
