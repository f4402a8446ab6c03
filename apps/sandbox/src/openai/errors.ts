import type { Scene } from '../scene'
import { whole, type Script } from '../script'
import { FLAVOURS } from './flavour'

const TYPE_BY_STATUS_OLLAMA: Record<number, string> = { 400: 'invalid_request_error', 404: 'not_found_error' }

const TYPE_BY_STATUS_LLAMACPP: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  501: 'not_supported_error',
  503: 'unavailable_error',
}

const TYPE_BY_STATUS_VLLM: Record<number, string> = {
  400: 'BadRequestError',
  404: 'NotFoundError',
  500: 'InternalServerError',
  501: 'NotImplementedError',
  503: 'ServiceUnavailableError',
}

const TYPE_BY_STATUS_OPENAI: Record<number, string> = {
  429: 'requests',
  500: 'server_error',
  503: 'service_unavailable_error',
}

/** Details of an error beyond its status and text. */
export interface ErrorDetail {
  type?: string
  code?: string | null
  param?: string | null
  /** Anthropic's further facts. */
  details?: Record<string, string>
}

/** The error object a server of this dialect sends for a status. */
export function errorObject(
  scene: Scene,
  status: number,
  message: string,
  detail: ErrorDetail = {},
): Record<string, unknown> {
  switch (scene.stage.dialect) {
    case 'ollama':
      return { message, type: TYPE_BY_STATUS_OLLAMA[status] ?? 'api_error', param: null, code: null }
    case 'llamacpp':
      // Its router's own errors have their members in another order than its handlers'.
      if (status === 404) return { message, type: 'not_found_error', code: status }
      return { code: status, message, type: detail.type ?? TYPE_BY_STATUS_LLAMACPP[status] ?? 'server_error' }
    case 'vllm':
      return {
        message,
        type: TYPE_BY_STATUS_VLLM[status] ?? 'InternalServerError',
        param: detail.param ?? null,
        code: status,
      }
    case 'openrouter':
      return { message, code: status }
    default:
      return {
        message,
        type: detail.type ?? TYPE_BY_STATUS_OPENAI[status] ?? 'invalid_request_error',
        param: detail.param ?? null,
        code: detail.code ?? null,
      }
  }
}

/** The whole error answer in the shape of the dialect at hand. */
export function compatibleError(scene: Scene, status: number, message: string, detail: ErrorDetail = {}): Script {
  const { jsonType, bodyEnd } = FLAVOURS[scene.stage.dialect]
  return whole(status, jsonType, JSON.stringify({ error: errorObject(scene, status, message, detail) }) + bodyEnd)
}

/** A JSON answer under status 200. */
export function compatibleJson(scene: Scene, value: unknown): Script {
  const { jsonType, bodyEnd } = FLAVOURS[scene.stage.dialect]
  return whole(200, jsonType, JSON.stringify(value) + bodyEnd)
}

/** The refusal of a model this host does not hold. */
export function modelMissing(scene: Scene, model: string): Script {
  switch (scene.stage.dialect) {
    case 'ollama':
      return compatibleError(scene, 404, `model '${model}' not found`)
    case 'vllm':
      return compatibleError(scene, 404, `The model \`${model}\` does not exist.`, { param: 'model' })
    case 'openrouter':
      return compatibleError(scene, 400, `${model} is not a valid model ID`)
    default:
      return compatibleError(scene, 404, `The model '${model}' does not exist or you do not have access to it.`, {
        code: 'model_not_found',
      })
  }
}

/** Checks the key when the host has one; the refusal follows the dialect. */
export function refuseKey(scene: Scene): Script | undefined {
  const { apiKey, dialect } = scene.stage
  if (apiKey === undefined) return undefined
  const { authorization, 'x-api-key': bare } = scene.headers
  if (authorization === `Bearer ${apiKey}` || bare === apiKey) return undefined
  const shown = (authorization ?? '').replace(/^Bearer /, '')
  return keyRefused(scene, dialect, shown)
}

/** The 401 of a dialect for a key it does not know. */
export function keyRefused(scene: Scene, dialect: Scene['stage']['dialect'], key: string): Script {
  if (dialect === 'vllm') return whole(401, 'application/json', JSON.stringify({ error: 'Unauthorized' }))
  if (dialect === 'llamacpp') {
    const error = { message: 'Invalid API Key', type: 'authentication_error', code: 401 }
    return whole(401, FLAVOURS.llamacpp.jsonType, JSON.stringify({ error }))
  }
  if (dialect === 'openrouter') return compatibleError(scene, 401, 'No auth credentials found')
  const hidden = key.length > 8 ? `${key.slice(0, 5)}***${key.slice(-3)}` : '***'
  const message = `Incorrect API key provided: ${hidden}. You can find your API key at https://platform.openai.com/account/api-keys.`
  return compatibleError(scene, 401, message, { code: 'invalid_api_key' })
}
