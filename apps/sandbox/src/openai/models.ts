import type { JsonObject } from '../json'
import type { ModelCard } from '../model-card'
import type { Scene } from '../scene'
import type { Script } from '../script'
import { compatibleError, compatibleJson, modelMissing } from './errors'

/** Only Ollama lists the tag `latest`. */
const idOf = (scene: Scene, card: ModelCard): string =>
  scene.stage.dialect === 'ollama' ? card.name : card.name.replace(/:latest$/, '')

const createdOf = (card: ModelCard): number => Math.floor(Date.parse(card.modifiedAt) / 1000)

function entry(scene: Scene, card: ModelCard, id: string): JsonObject {
  const created = createdOf(card)
  switch (scene.stage.dialect) {
    case 'ollama':
      return { id, object: 'model', created, owned_by: 'library' }
    case 'vllm':
      return {
        id,
        object: 'model',
        created,
        owned_by: 'vllm',
        root: id,
        parent: null,
        max_model_len: card.contextLength,
        permission: [],
      }
    case 'openrouter':
      return {
        id,
        name: id,
        created,
        description: 'A simulated model',
        context_length: card.contextLength,
        architecture: {
          modality: 'text->text',
          input_modalities: ['text'],
          output_modalities: ['text'],
          tokenizer: 'Other',
        },
        pricing: {
          prompt: '0.00000015',
          completion: '0.0000006',
          request: '0',
          image: '0',
          input_cache_read: '0.000000075',
        },
        top_provider: { context_length: card.contextLength, max_completion_tokens: null, is_moderated: false },
        supported_parameters: ['max_tokens', 'temperature', 'tools', 'stop'],
      }
    default:
      return { id, object: 'model', created, owned_by: 'sandbox' }
  }
}

/** llama.cpp lists its one model twice over: in Ollama's shape and in OpenAI's. */
function llamacppList(card: ModelCard): JsonObject {
  const id = card.name.replace(/:latest$/, '')
  const details = {
    parent_model: '',
    format: 'gguf',
    family: '',
    families: [''],
    parameter_size: '',
    quantization_level: '',
  }
  const meta = {
    vocab_type: 1,
    n_vocab: 32000,
    n_ctx: Math.min(card.contextLength, 2048),
    n_ctx_train: card.contextLength,
    n_embd: card.embeddingLength,
    n_params: card.parameterCount,
    size: card.sizeBytes,
    ftype: card.quantization,
  }
  const blank = { modified_at: '', size: '', digest: '', type: 'model', description: '', tags: [''] }
  return {
    models: [{ name: id, model: id, ...blank, capabilities: ['completion'], parameters: '', details }],
    object: 'list',
    data: [
      {
        id,
        aliases: [id],
        tags: [],
        object: 'model',
        architecture: { input_modalities: ['text'], output_modalities: ['text'] },
        created: createdOf(card),
        owned_by: 'llamacpp',
        meta,
      },
    ],
  }
}

/** GET /v1/models. */
export function compatibleModels(scene: Scene): Script {
  const cards = scene.stage.shelf.list()
  const first = cards[0]
  if (scene.stage.dialect === 'llamacpp' && first) return compatibleJson(scene, llamacppList(first))
  const data = cards.map((card) => entry(scene, card, idOf(scene, card)))
  return compatibleJson(scene, scene.stage.dialect === 'openrouter' ? { data } : { object: 'list', data })
}

/** GET /v1/models/{id}; the id may hold slashes, percent-encoded or not. */
export function compatibleModel(scene: Scene, id: string): Script {
  const card = scene.stage.shelf.find(id)
  if (card) return compatibleJson(scene, entry(scene, card, id))
  if (scene.stage.dialect !== 'ollama') return modelMissing(scene, id)
  return compatibleError(scene, 404, `model '${id.includes(':') ? id : `${id}:latest`}' not found`)
}
