import { countPrompt } from '../ask'
import { setting } from '../behaviour'
import { listOf, objectOf, textOf } from '../json'
import type { ModelCard } from '../model-card'
import type { Scene } from '../scene'
import { whole, type Script } from '../script'
import { compatibleError, errorObject, modelMissing } from './errors'
import { FLAVOURS } from './flavour'

/** Either the model a request may use, or the refusal to send. */
export type CompatiblePassage = { card: ModelCard } | { refusal: Script }

/** The card of the model asked for; llama.cpp serves its one model whatever is asked. */
export function cardFor(scene: Scene): ModelCard | undefined {
  const { stage, body } = scene
  const model = textOf(body.model) ?? ''
  const held = model === '' ? undefined : stage.shelf.find(model)
  if (held || stage.dialect !== 'llamacpp') return held
  return stage.shelf.list()[0]
}

/** llama.cpp's context is smaller than what its model was trained for. */
const contextOf = (scene: Scene, card: ModelCard): number =>
  setting(
    scene.behaviour,
    'ctx',
    scene.stage.dialect === 'llamacpp' ? Math.min(card.contextLength, 2048) : card.contextLength,
  )

function refuseContext(scene: Scene, card: ModelCard): Script | undefined {
  const needed = countPrompt(listOf(scene.body.messages), listOf(scene.body.tools))
  const contextTokens = contextOf(scene, card)
  return needed <= contextTokens ? undefined : tooLong(scene, needed, contextTokens)
}

/** The refusal of a prompt longer than the context, in the dialect's words. */
export function tooLong(scene: Scene, needed: number, contextTokens: number): Script {
  if (scene.stage.dialect === 'llamacpp' || scene.stage.dialect === 'ollama') {
    const message = `request (${needed} tokens) exceeds the available context size (${contextTokens} tokens), try increasing it`
    const error = errorObject(scene, 400, message, { type: 'exceed_context_size_error' })
    if (scene.stage.dialect === 'llamacpp') Object.assign(error, { n_prompt_tokens: needed, n_ctx: contextTokens })
    return whole(400, FLAVOURS[scene.stage.dialect].jsonType, JSON.stringify({ error }))
  }
  const message =
    `This model's maximum context length is ${contextTokens} tokens. However, your messages resulted in ` +
    `${needed} tokens. Please reduce the length of the messages.`
  return compatibleError(scene, 400, message, { code: 'context_length_exceeded', param: 'messages' })
}

const NO_IMAGES = 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj'

function refuseImages(scene: Scene, card: ModelCard): Script | undefined {
  const { dialect } = scene.stage
  if (card.capabilities.includes('vision') || (dialect !== 'llamacpp' && dialect !== 'ollama')) return undefined
  const parts = listOf(scene.body.messages).flatMap((message) => listOf(objectOf(message).content))
  const hasImage = parts.some((part) => objectOf(part).type === 'image_url')
  return hasImage ? compatibleError(scene, 500, NO_IMAGES) : undefined
}

function refuseMessages(scene: Scene): Script | undefined {
  const { body, stage } = scene
  const isLlamacpp = stage.dialect === 'llamacpp'
  if (body.messages === undefined) {
    if (isLlamacpp) return compatibleError(scene, 400, "'messages' is required")
    return compatibleError(scene, 400, "Missing required parameter: 'messages'.", {
      code: 'missing_required_parameter',
      param: 'messages',
    })
  }
  if (listOf(body.messages).length > 0 || isLlamacpp) return undefined
  if (stage.dialect === 'ollama') {
    const error = errorObject(scene, 400, "[] is too short - 'messages'")
    return whole(400, 'application/json; charset=utf-8', JSON.stringify({ error }))
  }
  return compatibleError(scene, 400, "Invalid 'messages': empty array. Expected an array with minimum length 1.", {
    code: 'empty_array',
    param: 'messages',
  })
}

function refuseNumbers(scene: Scene): Script | undefined {
  for (const key of ['temperature', 'top_p', 'max_tokens', 'max_completion_tokens']) {
    const value = scene.body[key]
    if (value === undefined || value === null || typeof value === 'number') continue
    if (scene.stage.dialect === 'llamacpp') {
      const complaint = `[json.exception.type_error.302] type must be number, but is ${typeof value}`
      return compatibleError(scene, 400, `Field '${key}': ${complaint}`)
    }
    return compatibleError(
      scene,
      400,
      `Invalid type for '${key}': expected a number, but got a ${typeof value} instead.`,
      {
        code: 'invalid_type',
        param: key,
      },
    )
  }
  return undefined
}

/** Lets a chat request through to its model, or refuses it as the dialect does. */
export function passCompatibleGate(scene: Scene): CompatiblePassage {
  const fault = refuseMessages(scene) ?? refuseNumbers(scene)
  if (fault) return { refusal: fault }
  const card = cardFor(scene)
  if (!card) return { refusal: modelMissing(scene, textOf(scene.body.model) ?? '') }
  const refusal = refuseImages(scene, card) ?? refuseContext(scene, card)
  return refusal ? { refusal } : { card }
}
