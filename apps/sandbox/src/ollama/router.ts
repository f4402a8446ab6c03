import type { Scene } from '../scene'
import { whole, type Script } from '../script'
import { routeCompatible } from '../openai/router'
import { ollamaChat, ollamaGenerate } from './chat'
import { ollamaBlob, ollamaCreate } from './create'
import { ollamaEmbed, ollamaEmbeddings } from './embed'
import { ollamaPull } from './pull'
import { ollamaCopy, ollamaDelete, ollamaPs, ollamaShow, ollamaTags } from './models'
import { brokenJsonText, methodNotAllowed, ollamaError, ollamaJson, pageNotFound } from './errors'

type Handler = (scene: Scene) => Script

/** The version every simulated Ollama reports. */
const OLLAMA_VERSION = '0.99.0'

const ROUTES: Record<string, Record<string, Handler>> = {
  '/': { GET: () => whole(200, 'text/plain; charset=utf-8', 'Ollama is running') },
  '/api/version': { GET: () => ollamaJson({ version: OLLAMA_VERSION }) },
  '/api/status': { GET: () => ollamaJson({ cloud: { disabled: true, source: 'env' } }) },
  '/api/chat': { POST: ollamaChat },
  '/api/generate': { POST: ollamaGenerate },
  '/api/tags': { GET: ollamaTags },
  '/api/ps': { GET: ollamaPs },
  '/api/show': { POST: ollamaShow },
  '/api/embed': { POST: ollamaEmbed },
  '/api/embeddings': { POST: ollamaEmbeddings },
  '/api/pull': { POST: ollamaPull },
  '/api/create': { POST: ollamaCreate },
  '/api/copy': { POST: ollamaCopy },
  '/api/delete': { DELETE: ollamaDelete },
}

const OWN_ORIGIN = /^(https?|app|file|tauri):\/\/(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])?(:\d+)?(\/|$)/

/** Answers one request as an Ollama server does, its /v1 included. */
export function routeOllama(scene: Scene): Script {
  const { origin } = scene.headers
  if (origin !== undefined && !OWN_ORIGIN.test(origin)) return whole(403, '', '')
  if (scene.path.startsWith('/api/blobs/')) return ollamaBlob(scene)
  if (scene.path.startsWith('/v1/')) return routeCompatible(scene)
  const methods = ROUTES[scene.path]
  if (!methods) return pageNotFound()
  const handler = methods[scene.method === 'HEAD' ? 'GET' : scene.method]
  if (!handler) return methodNotAllowed()
  if (scene.method === 'POST' || scene.method === 'DELETE') {
    if (scene.raw.length === 0) return ollamaError(400, 'missing request body')
    if (scene.isBroken) return ollamaError(400, brokenJsonText(scene.raw))
  }
  return handler(scene)
}
