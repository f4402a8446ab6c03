import { brokenJsonText } from '../ollama/errors'
import { refuse } from '../catalogue/refusal'
import type { Scene } from '../scene'
import type { Script } from '../script'
import { compatibleMessages, countTokens } from './messages'
import { anthropicModel, anthropicModels } from './models'

type Handler = (scene: Scene) => Script

const ROUTES: Record<string, Record<string, Handler>> = {
  '/v1/messages': { POST: compatibleMessages },
  '/v1/messages/count_tokens': { POST: countTokens },
  '/v1/models': { GET: anthropicModels },
}

const MODEL_PATH = '/v1/models/'

function modelRoute(path: string): Record<string, Handler> | undefined {
  if (!path.startsWith(MODEL_PATH)) return undefined
  return { GET: (scene) => anthropicModel(scene, decodeURIComponent(path.slice(MODEL_PATH.length))) }
}

/** Both ways in count: the key's own header, and a bearer token. */
function refuseKey(scene: Scene): Script | undefined {
  const { apiKey } = scene.stage
  const { authorization, 'x-api-key': key } = scene.headers
  if (apiKey === undefined || key === apiKey || authorization === `Bearer ${apiKey}`) return undefined
  return refuse(scene, 401, key === undefined && authorization === undefined ? 'x-api-key header is required' : 'invalid x-api-key')
}

/** Answers one request as Anthropic's own API does: messages, counting and models; no chat completions, no embeddings. */
export function routeAnthropic(scene: Scene): Script {
  const methods = ROUTES[scene.path] ?? modelRoute(scene.path)
  if (!methods) return refuse(scene, 404, 'Not Found')
  const refusal = refuseKey(scene)
  if (refusal) return refusal
  const handler = methods[scene.method]
  if (!handler) return refuse(scene, 405, 'Method Not Allowed')
  if (scene.headers['anthropic-version'] === undefined) return refuse(scene, 400, 'anthropic-version: header is required')
  if (scene.method === 'POST' && (scene.isBroken || scene.raw.length === 0))
    return refuse(scene, 400, `The request body is not valid JSON: ${brokenJsonText(scene.raw)}`)
  return handler(scene)
}
