import { hexDigits } from '../ids'
import { ollamaError } from '../ollama/errors'
import { compatibleError, type ErrorDetail } from '../openai/errors'
import type { Scene } from '../scene'
import { whole, type Script } from '../script'

/** Which wire a request came in on: Ollama's own, Anthropic's messages, or OpenAI's. */
export type Surface = 'native' | 'messages' | 'compatible'

/** The wire of a request, by dialect and path. */
export function surfaceOf(scene: Scene): Surface {
  if (scene.stage.dialect === 'anthropic') return 'messages'
  if (scene.path.endsWith('/messages') || scene.path.endsWith('/messages/count_tokens')) return 'messages'
  return scene.stage.dialect === 'ollama' && !scene.path.startsWith('/v1/') ? 'native' : 'compatible'
}

const ANTHROPIC_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

/** Anthropic's error object for a status. */
export const anthropicError = (status: number, message: string): Record<string, string> => ({
  type: ANTHROPIC_TYPES[status] ?? 'api_error',
  message,
})

/** A refusal in the shape of the wire at hand. */
export function refuse(scene: Scene, status: number, message: string, detail: ErrorDetail = {}): Script {
  const surface = surfaceOf(scene)
  if (surface === 'native') return ollamaError(status, message)
  if (surface === 'compatible') return compatibleError(scene, status, message, detail)
  const requestId = `req_${hexDigits(`request-${scene.stage.nextId()}`, 24)}`
  const error = { ...anthropicError(status, message), ...(detail.details ? { details: detail.details } : {}) }
  const body = JSON.stringify({ type: 'error', error, request_id: requestId })
  const script = whole(status, 'application/json', scene.stage.dialect === 'ollama' ? `${body}\n` : body)
  return scene.stage.dialect === 'anthropic' ? withHeaders(script, { 'request-id': requestId }) : script
}

/** The same script with more headers. */
export function withHeaders(script: Script, headers: Record<string, string | number>): Script {
  Object.assign(script.headers, headers)
  return script
}
