import { brokenJsonText, methodNotAllowed, pageNotFound } from '../ollama/errors'
import type { Scene } from '../scene'
import { whole, type Script } from '../script'
import { compatibleChat } from './chat'
import { compatibleCompletions } from './completions'
import { compatibleEmbeddings } from './embeddings'
import { compatibleError, refuseKey } from './errors'
import { generation } from './generations'
import { compatibleMessages, countTokens } from '../anthropic/messages'
import { compatibleModel, compatibleModels } from './models'
import { compatibleResponses } from './responses'

type Handler = (scene: Scene) => Script

const ROUTES: Record<string, Record<string, Handler>> = {
  '/v1/chat/completions': { POST: compatibleChat },
  '/v1/completions': { POST: compatibleCompletions },
  '/v1/embeddings': { POST: compatibleEmbeddings },
  '/v1/messages': { POST: compatibleMessages },
  '/v1/messages/count_tokens': { POST: countTokens },
  '/v1/generation': { GET: generation },
  '/v1/models': { GET: compatibleModels },
  '/v1/responses': { POST: compatibleResponses },
}

/** Paths served without a key, by dialect. */
const OPEN_PATHS: Partial<Record<Scene['stage']['dialect'], Record<string, () => Script>>> = {
  llamacpp: {
    '/health': () => whole(200, 'application/json; charset=utf-8', '{"status":"ok"}'),
    '/v1/health': () => whole(200, 'application/json; charset=utf-8', '{"status":"ok"}'),
  },
  vllm: {
    '/health': () => whole(200, '', ''),
    '/version': () => whole(200, 'application/json', '{"version":"0.99.0"}'),
  },
}

const MODEL_PATH = '/v1/models/'

/** The handler of a path that carries a model's id, which llama.cpp does not have. */
function modelRoute(scene: Scene, path: string): Record<string, Handler> | undefined {
  if (!path.startsWith(MODEL_PATH) || scene.stage.dialect === 'llamacpp') return undefined
  return { GET: () => compatibleModel(scene, decodeURIComponent(path.slice(MODEL_PATH.length))) }
}

function unknownPath(scene: Scene): Script {
  if (scene.stage.dialect === 'ollama') return pageNotFound()
  if (scene.stage.dialect === 'llamacpp') return compatibleError(scene, 404, 'File Not Found')
  return compatibleError(scene, 404, `Invalid URL (${scene.method} ${scene.path})`)
}

function brokenBody(scene: Scene): Script {
  if (scene.stage.dialect === 'llamacpp') {
    const read = scene.raw.toString('utf8').slice(0, 2)
    const where = 'parse error at line 1, column 2: syntax error while parsing object key'
    return compatibleError(
      scene,
      400,
      `[json.exception.parse_error.101] ${where} - invalid literal; last read: '${read}'; expected string literal`,
    )
  }
  return compatibleError(scene, 400, brokenJsonText(scene.raw), { code: 'json_invalid' })
}

/** Answers one request as a server of OpenAI's API does; also Ollama's /v1. */
export function routeCompatible(scene: Scene): Script {
  const path = scene.path.startsWith('/api/v1/') ? scene.path.slice(4) : scene.path
  const open = scene.method === 'GET' ? OPEN_PATHS[scene.stage.dialect]?.[path] : undefined
  if (open) return open()
  const { dialect } = scene.stage
  const isMissing = (dialect === 'ollama' && path === '/v1/messages/count_tokens') || (dialect !== 'openrouter' && path === '/v1/generation')
  const methods = isMissing ? undefined : (ROUTES[path] ?? modelRoute(scene, path))
  if (!methods) return unknownPath(scene)
  const refusal = refuseKey(scene)
  if (refusal) return refusal
  const handler = methods[scene.method]
  if (!handler) return scene.stage.dialect === 'ollama' ? methodNotAllowed() : unknownPath(scene)
  if (scene.method === 'POST' && (scene.isBroken || scene.raw.length === 0)) return brokenBody(scene)
  return handler(scene)
}
