import { isSimModel, setting } from '../behaviour'
import { goJson, textOf } from '../json'
import { modelCard } from '../model-card'
import type { Scene } from '../scene'
import { streamed, whole, type Frame, type Script } from '../script'
import { ollamaError } from './errors'
import { isModelName } from './models'

const STEPS = 5
const STALLED_AFTER_STEPS = 2
const NOT_FOUND = 'pull model manifest: file does not exist'

/** A line of a job's progress. */
export const progress = (value: unknown): Frame => ({ role: 'content', data: `${goJson(value)}\n`, tokens: 0 })

/** Models no registry has: those named `nope…`, and any under `pull-fail` (whose `text` may say why). */
function failureOf(scene: Scene, model: string): string | undefined {
  if (scene.behaviour.name === 'pull-fail') return scene.behaviour.params.text ?? NOT_FOUND
  return /(^|\/)nope/.test(model) ? NOT_FOUND : undefined
}

/** The lines of a download; the model is on the host once `success` is sent, and not before. */
export function* pullLines(scene: Scene, model: string): Generator<Frame> {
  const { stage, behaviour } = scene
  yield progress({ status: 'pulling manifest' })
  const failure = failureOf(scene, model)
  if (failure !== undefined) {
    yield progress({ error: failure })
    return
  }
  const card = modelCard(model, '')
  const total = setting(behaviour, 'total', card.sizeBytes)
  const rate = setting(behaviour, 'rate', 0)
  const digest = `sha256:${card.digest}`
  const steps = behaviour.name === 'pull-stall' ? STALLED_AFTER_STEPS : STEPS
  for (let step = 0; step <= steps; step++) {
    const completed = step === 0 ? {} : { completed: Math.floor((total * step) / STEPS) }
    const line = progress({ status: `pulling ${card.digest.slice(0, 12)}`, digest, total, ...completed })
    yield rate > 0 ? { ...line, waitMs: (total / STEPS / rate) * 1000 } : line
  }
  if (behaviour.name === 'pull-stall') return
  yield progress({ status: 'verifying sha256 digest' })
  yield progress({ status: 'writing manifest' })
  if (!isSimModel(model)) stage.shelf.add(model)
  yield progress({ status: 'success' })
}

/** Plays a job's lines, or only their outcome when the caller asked for no stream. */
export function jobScript(scene: Scene, lines: Generator<Frame>, failure: string | undefined): Script {
  if (scene.body.stream !== false) {
    const script = streamed('application/x-ndjson', lines, 0)
    if (failure !== undefined) script.reason = 'failed'
    return script
  }
  if (failure !== undefined) return whole(500, 'application/json', goJson({ error: failure }))
  for (const _ of lines);
  return whole(200, 'application/json', goJson({ status: 'success' }))
}

/** POST /api/pull. */
export function ollamaPull(scene: Scene): Script {
  const model = textOf(scene.body.model) ?? textOf(scene.body.name) ?? ''
  if (!isSimModel(model) && !isModelName(model)) return ollamaError(400, 'invalid model name')
  const script = jobScript(scene, pullLines(scene, model), failureOf(scene, model))
  if (scene.behaviour.name === 'pull-stall') script.ending = 'hang'
  return script
}
