import { countWords } from '../ask'
import { numberOf, textOf } from '../json'
import type { ModelCard } from '../model-card'
import type { Scene } from '../scene'
import type { Script } from '../script'
import { vectorOf } from '../vectors'
import { ollamaError, ollamaJson } from './errors'

const NO_EMBEDDINGS = 'This server does not support embeddings. Start it with `--embeddings`'

function cardFor(scene: Scene): { card: ModelCard } | { refusal: Script } {
  const model = textOf(scene.body.model) ?? ''
  const card = scene.stage.shelf.find(model)
  return card ? { card } : { refusal: ollamaError(404, `model "${model}" not found, try pulling it first`) }
}

/** POST /api/embed: one vector an input; prompt tokens are the words of all inputs. */
export function ollamaEmbed(scene: Scene): Script {
  const { body } = scene
  const found = cardFor(scene)
  if ('refusal' in found) return found.refusal
  const { card } = found
  const inputs =
    body.input === undefined || body.input === null ? [] : Array.isArray(body.input) ? body.input : [body.input]
  if (!inputs.every((input): input is string => typeof input === 'string'))
    return ollamaError(400, 'invalid input type')
  if (inputs.length === 0) return ollamaJson({ model: body.model, embeddings: [] })
  if (!card.capabilities.includes('embedding')) return ollamaError(501, NO_EMBEDDINGS)
  const longest = Math.max(...inputs.map(countWords))
  if (body.truncate === false && longest > card.contextLength) {
    return ollamaError(400, 'the input length exceeds the context length')
  }
  const dimensions = numberOf(body.dimensions) ?? card.embeddingLength
  const promptTokens = inputs.reduce((sum, input) => sum + countWords(input), 0)
  const script = ollamaJson({
    model: body.model,
    embeddings: inputs.map((input) => vectorOf(input, dimensions)),
    total_duration: 58_018_532,
    load_duration: 2_267_900,
    ...(scene.behaviour.name === 'no-usage' ? {} : { prompt_eval_count: promptTokens }),
  })
  script.promptTokens = promptTokens
  return script
}

/** POST /api/embeddings: the older form, one prompt and no counts. */
export function ollamaEmbeddings(scene: Scene): Script {
  const found = cardFor(scene)
  if ('refusal' in found) return found.refusal
  if (!found.card.capabilities.includes('embedding')) return ollamaError(500, NO_EMBEDDINGS)
  const prompt = textOf(scene.body.prompt) ?? ''
  const script = ollamaJson({ embedding: vectorOf(prompt, found.card.embeddingLength) })
  script.promptTokens = countWords(prompt)
  return script
}
