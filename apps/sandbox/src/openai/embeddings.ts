import { countWords } from '../ask'
import { listOf, numberOf, textOf } from '../json'
import type { Scene } from '../scene'
import type { Script } from '../script'
import { base64Of, vectorOf } from '../vectors'
import { compatibleError, compatibleJson, modelMissing } from './errors'
import { FLAVOURS } from './flavour'
import { cardFor } from './gate'

/** The inputs as texts: a string, a list of them, or token lists written out. */
function inputsOf(input: unknown): string[] {
  if (typeof input === 'string') return [input]
  const items = listOf(input)
  if (typeof items[0] === 'number') return [items.join(' ')]
  return items.map((item) => (typeof item === 'string' ? item : listOf(item).join(' ')))
}

/** POST /v1/embeddings; base64 when asked for. */
export function compatibleEmbeddings(scene: Scene): Script {
  const { body, stage, behaviour } = scene
  const card = cardFor(scene)
  if (!card) return modelMissing(scene, textOf(body.model) ?? '')
  if (!card.capabilities.includes('embedding')) {
    return compatibleError(scene, 501, 'This server does not support embeddings. Start it with `--embeddings`')
  }
  const inputs = inputsOf(body.input)
  if (inputs.length === 0) return compatibleError(scene, 400, "'input' is a required property", { param: 'input' })
  const dimensions = numberOf(body.dimensions) ?? card.embeddingLength
  const isBase64 = body.encoding_format === 'base64'
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, dimensions)
    return { object: 'embedding', index, embedding: isBase64 ? base64Of(vector) : vector }
  })
  const promptTokens = inputs.reduce((sum, input) => sum + countWords(input), 0)
  const isRouter = stage.dialect === 'openrouter'
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens, ...(isRouter ? { cost: Number(behaviour.params.cost ?? '0.000002') } : {}) }
  const model = stage.dialect === 'llamacpp' ? card.name.replace(/:latest$/, '') : body.model
  const script = compatibleJson(scene, {
    object: 'list',
    data,
    model,
    ...(isRouter ? { id: FLAVOURS.openrouter.chatId(scene), provider: 'Sandbox' } : {}),
    ...(behaviour.name === 'no-usage' ? {} : { usage }),
  })
  script.promptTokens = promptTokens
  return script
}
