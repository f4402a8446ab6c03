import { createHash } from 'node:crypto'
import { isObject, listOf, objectOf, textOf } from '../json'
import type { ModelCard } from '../model-card'
import type { Scene } from '../scene'
import { whole, type Frame, type Script } from '../script'
import { OLLAMA_JSON, ollamaError } from './errors'
import { isModelName } from './models'
import { jobScript, progress, pullLines } from './pull'

const QUANTIZATIONS = ['F32', 'F16', 'Q4_K_S', 'Q4_K_M', 'Q8_0']

const sha256 = (text: string | Buffer): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** Errors found once the job runs go out under the job's own content type. */
const jobError = (status: number, text: string): Script =>
  whole(status, 'application/json', JSON.stringify({ error: text }))

function refuseCreate(scene: Scene): Script | undefined {
  const { body } = scene
  const model = textOf(body.model) ?? textOf(body.name) ?? ''
  if (!isModelName(model)) return ollamaError(400, 'invalid model name')
  if (!textOf(body.from) && !isObject(body.files)) return jobError(400, "neither 'from' or 'files' was specified")
  if (Object.keys(objectOf(body.files)).some((path) => path.startsWith('/') || path.includes('..'))) {
    return jobError(400, 'file path must be relative')
  }
  const template = textOf(body.template) ?? ''
  if (template.split('{{').length > template.split('}}').length) {
    return jobError(400, 'template error: template: :1: unclosed action')
  }
  const quantize = textOf(body.quantize)?.toUpperCase()
  if (quantize === undefined) return undefined
  if (!QUANTIZATIONS.includes(quantize)) {
    return jobError(500, `unsupported quantization type ${quantize} - supported types are ${QUANTIZATIONS.join(', ')}`)
  }
  const base = scene.stage.shelf.find(textOf(body.from) ?? '')
  const isFloat = base === undefined || ['F16', 'BF16', 'F32'].includes(base.quantization)
  return isFloat ? undefined : jobError(500, 'quantization is only supported for F16, BF16 and F32 models')
}

function changesOf(scene: Scene, base: ModelCard | undefined): Partial<ModelCard> {
  const { body } = scene
  const license = Array.isArray(body.license) ? body.license.join('\n') : (textOf(body.license) ?? base?.license ?? '')
  const remoteHost = textOf(body.remote_host)
  const changes: Partial<ModelCard> = {
    ...(remoteHost ? { remote: { host: remoteHost, model: textOf(body.from) ?? '' } } : {}),
    parentModel: base?.name ?? '',
    system: textOf(body.system) ?? base?.system ?? '',
    template: textOf(body.template) ?? base?.template ?? '{{ .Prompt }}',
    parameters: { ...base?.parameters, ...objectOf(body.parameters) },
    messages: body.messages === undefined ? (base?.messages ?? []) : listOf(body.messages),
    license,
    digest: createHash('sha256').update(JSON.stringify(body)).digest('hex'),
  }
  if (!base) return changes
  const {
    sizeBytes,
    family,
    parameterSize,
    parameterCount,
    quantization,
    contextLength,
    embeddingLength,
    capabilities,
  } = base
  const inherited = {
    sizeBytes,
    family,
    parameterSize,
    parameterCount,
    quantization,
    contextLength,
    embeddingLength,
    capabilities,
  }
  return { ...inherited, ...changes }
}

function* createLines(scene: Scene, model: string): Generator<Frame> {
  const { body, stage } = scene
  const from = textOf(body.from)
  if (from !== undefined && !textOf(body.remote_host) && !stage.shelf.find(from)) {
    yield* pullLines(scene, from)
    if (!stage.shelf.find(from)) return
  }
  const base = from === undefined ? undefined : stage.shelf.find(from)
  for (const digest of Object.values(objectOf(body.files)))
    yield progress({ status: `using existing layer ${String(digest)}` })
  if (base) {
    yield progress({ status: `using existing layer sha256:${base.digest}` })
    yield progress({ status: `using existing layer ${sha256(base.template)}` })
  }
  const quantize = textOf(body.quantize)?.toUpperCase()
  if (quantize)
    yield progress({
      status: `quantizing F16 model to ${quantize}`,
      digest: sha256(model),
      total: 1000,
      completed: 1000,
    })
  for (const part of [body.system, body.parameters ?? body.messages]) {
    if (part !== undefined) yield progress({ status: `creating new layer ${sha256(JSON.stringify(part))}` })
  }
  yield progress({ status: 'writing manifest' })
  stage.shelf.add(model, changesOf(scene, base))
  yield progress({ status: 'success' })
}

/** POST /api/create: the old `modelfile` member is ignored, as by a real server. */
export function ollamaCreate(scene: Scene): Script {
  const refusal = refuseCreate(scene)
  if (refusal) return refusal
  const model = textOf(scene.body.model) ?? textOf(scene.body.name) ?? ''
  const from = textOf(scene.body.from)
  const isLost = from !== undefined && /(^|\/)nope/.test(from) && !scene.stage.shelf.find(from)
  return jobScript(scene, createLines(scene, model), isLost ? 'pull model manifest: file does not exist' : undefined)
}

const DIGEST = /^\/api\/blobs\/(.*)$/

/** HEAD and POST /api/blobs/sha256:…. */
export function ollamaBlob(scene: Scene): Script {
  const digest = DIGEST.exec(scene.path)?.[1] ?? ''
  const { blobs } = scene.stage.shelf
  if (!/^sha256[:-][0-9a-f]{64}$/.test(digest)) return ollamaError(400, 'invalid digest format')
  const wanted = digest.replace('-', ':')
  if (scene.method === 'HEAD')
    return blobs.has(wanted) ? whole(200, '', '') : ollamaError(404, `blob "${wanted}" not found`)
  if (blobs.has(wanted)) return whole(200, '', '')
  const got = sha256(scene.raw)
  if (got !== wanted) {
    return whole(400, OLLAMA_JSON, JSON.stringify({ error: `digest mismatch, expected "${wanted}", got "${got}"` }))
  }
  blobs.add(wanted)
  return whole(201, '', '')
}
