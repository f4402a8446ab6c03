import { isSimModel, setting } from '../behaviour'
import { countPrompt } from '../ask'
import { listOf, numberOf, objectOf, textOf } from '../json'
import type { ModelCard } from '../model-card'
import type { Scene } from '../scene'
import type { Script } from '../script'
import { contextExceeded, ollamaError, refuseBody, refuseSettings } from './errors'

/** Either the model a request may use, or the refusal to send. */
export type Passage = { card: ModelCard } | { refusal: Script }

const IMAGE_REFUSAL = {
  error: {
    code: 500,
    message: 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj',
    type: 'server_error',
  },
}

/** The full name a capability error prints. */
const registryName = (card: ModelCard): string => `registry.ollama.ai/library/${card.name}`

function refuseAbilities(scene: Scene, card: ModelCard, use: 'chat' | 'generate'): Script | undefined {
  const { body } = scene
  const can = (ability: string): boolean => card.capabilities.includes(ability)
  if (!can('completion')) return ollamaError(400, `"${String(body.model)}" does not support ${use}`)
  if (listOf(body.tools).length > 0 && !can('tools'))
    return ollamaError(400, `${registryName(card)} does not support tools`)
  if (textOf(body.suffix) && !can('insert')) return ollamaError(400, `${registryName(card)} does not support insert`)
  const { think } = body
  if (think !== undefined && think !== false && think !== null && !can('thinking')) {
    return ollamaError(400, `"${String(body.model)}" does not support thinking`)
  }
  return undefined
}

function refuseContext(scene: Scene, card: ModelCard): Script | undefined {
  const contextTokens =
    numberOf(objectOf(scene.body.options).num_ctx) ?? setting(scene.behaviour, 'ctx', card.contextLength)
  // Older messages are dropped silently until the prompt fits, so only a last message too long by itself is refused;
  // with `truncate: false` nothing is dropped.
  const messages = listOf(scene.body.messages)
  const kept = scene.body.truncate === false ? messages : messages.slice(-1)
  const needed = kept.length === 0 ? 0 : countPrompt(kept, listOf(scene.body.tools))
  if (contextTokens <= 0 || needed <= contextTokens) return undefined
  return ollamaError(400, JSON.stringify(contextExceeded(needed, contextTokens)))
}

/** Lets a chat or generate request through to its model, or refuses it in the order and words of a real server. */
export function passGate(scene: Scene, use: 'chat' | 'generate'): Passage {
  const { body, stage } = scene
  const fault = refuseBody(body, use === 'chat' ? 'ChatRequest' : 'GenerateRequest')
  if (fault) return { refusal: fault }
  const model = textOf(body.model) ?? ''
  if (model === '' && use === 'chat') return { refusal: ollamaError(400, 'model is required') }
  if (/[:-]cloud$/.test(model) && !isSimModel(model)) {
    return { refusal: ollamaError(403, 'ollama cloud is disabled: remote model is unavailable') }
  }
  const card = stage.shelf.find(model)
  if (!card) return { refusal: ollamaError(404, `model '${model}' not found`) }
  const refusal = refuseAbilities(scene, card, use) ?? refuseSettings(body) ?? refuseContext(scene, card)
  if (refusal) return { refusal }
  const hasImages = [body, ...listOf(body.messages)].some((part) => listOf(objectOf(part).images).length > 0)
  if (hasImages && !card.capabilities.includes('vision'))
    return { refusal: ollamaError(500, JSON.stringify(IMAGE_REFUSAL)) }
  return { card }
}
