import { brokenJsonText, methodNotAllowed, pageNotFound } from '../ollama/errors'
import type { Scene } from '../scene'
import type { Script } from '../script'
import { compatibleChat } from './chat'
import { compatibleError, refuseKey } from './errors'

type Handler = (scene: Scene) => Script

const ROUTES: Record<string, Record<string, Handler>> = {
  '/v1/chat/completions': { POST: compatibleChat },
}

function unknownPath(scene: Scene): Script {
  if (scene.stage.dialect === 'ollama') return pageNotFound()
  if (scene.stage.dialect === 'llamacpp') return compatibleError(scene, 404, 'File Not Found')
  return compatibleError(scene, 404, `Invalid URL (${scene.method} ${scene.path})`)
}

function brokenBody(scene: Scene): Script {
  return compatibleError(scene, 400, brokenJsonText(scene.raw), { code: 'json_invalid' })
}

/** Answers one request as a server of OpenAI's API does; also Ollama's /v1. */
export function routeCompatible(scene: Scene): Script {
  const path = scene.path.startsWith('/api/v1/') ? scene.path.slice(4) : scene.path
  const methods = ROUTES[path]
  if (!methods) return unknownPath(scene)
  const refusal = refuseKey(scene)
  if (refusal) return refusal
  const handler = methods[scene.method]
  if (!handler) return scene.stage.dialect === 'ollama' ? methodNotAllowed() : unknownPath(scene)
  if (scene.method === 'POST' && (scene.isBroken || scene.raw.length === 0)) return brokenBody(scene)
  return handler(scene)
}
