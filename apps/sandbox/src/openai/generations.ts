import type { Answer } from '../answer'
import { setting } from '../behaviour'
import type { Scene } from '../scene'
import { whole, type Script } from '../script'
import { compatibleError } from './errors'
import { costOf, generationName } from './generation-name'

const MOST_KEPT = 1_000
/** Keeps what an answer costs for later questions; known `lag` ms from now. */
export function keepGeneration(scene: Scene, model: string, answer: Answer): void {
  const { generations, clock } = scene.stage
  generations.set(generationName(scene), { model, cost: costOf(scene), promptTokens: answer.promptTokens, completionTokens: answer.tokens, knownAtMs: clock.nowMs() + setting(scene.behaviour, 'lag', 0) })
  if (generations.size > MOST_KEPT) generations.delete(generations.keys().next().value!)
}

/** GET /generation?id=: the cost and counts of an answer. */
export function generation(scene: Scene): Script {
  const id = new URLSearchParams(scene.query).get('id') ?? ''
  const kept = scene.stage.generations.get(id)
  if (!kept || kept.knownAtMs > scene.stage.clock.nowMs()) return compatibleError(scene, 404, `Generation ${id} not found`)
  const { model, cost, promptTokens, completionTokens } = kept
  const data = { id, model, total_cost: cost, usage: cost, is_byok: false, upstream_inference_cost: 0, provider_name: 'Sandbox', streamed: true, cancelled: false, tokens_prompt: promptTokens, tokens_completion: completionTokens, native_tokens_prompt: promptTokens, native_tokens_completion: completionTokens }
  return whole(200, 'application/json', JSON.stringify({ data }))
}
