import { refuse } from '../catalogue/refusal'
import type { JsonObject } from '../json'
import type { ModelCard } from '../model-card'
import { compatibleJson } from '../openai/errors'
import type { Scene } from '../scene'
import type { Script } from '../script'

const bare = (card: ModelCard): string => card.name.replace(/:latest$/, '')

const entry = (card: ModelCard, id: string): JsonObject => ({
  type: 'model',
  id,
  display_name: id,
  created_at: card.modifiedAt,
})

/** GET /v1/models, all on one page. */
export function anthropicModels(scene: Scene): Script {
  const data = scene.stage.shelf.list().map((card) => entry(card, bare(card)))
  return compatibleJson(scene, {
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  })
}

/** GET /v1/models/{id}. */
export function anthropicModel(scene: Scene, id: string): Script {
  const card = scene.stage.shelf.find(id)
  return card ? compatibleJson(scene, entry(card, id)) : refuse(scene, 404, `model: ${id}`)
}
