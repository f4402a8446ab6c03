import { setting } from '../behaviour'
import { listOf, textOf } from '../json'
import { brokenJsonText, contextExceeded, ollamaError } from '../ollama/errors'
import { keyRefused, modelMissing } from '../openai/errors'
import { tooLong } from '../openai/gate'
import type { Scene } from '../scene'
import { whole, type Script } from '../script'
import { refuse, surfaceOf, withHeaders } from './refusal'

/** Answers in place of the real one; undefined lets the request through. */
export type Refusal = (scene: Scene) => Script | undefined

const modelOf = (scene: Scene): string => textOf(scene.body.model) ?? ''
const isNative = (scene: Scene): boolean => surfaceOf(scene) === 'native'
const isEmbedding = (scene: Scene): boolean => /\/embed(dings)?$/.test(scene.path)

function noModel(scene: Scene): Script {
  if (scene.behaviour.name === 'no-model-embed' || (isNative(scene) && isEmbedding(scene))) {
    return refuse(scene, 404, `model "${modelOf(scene)}" not found, try pulling it first`)
  }
  return surfaceOf(scene) === 'compatible'
    ? modelMissing(scene, modelOf(scene))
    : refuse(scene, 404, scene.stage.dialect === 'anthropic' ? `model: ${modelOf(scene)}` : `model '${modelOf(scene)}' not found`)
}

function noTools(scene: Scene): Script | undefined {
  if (listOf(scene.body.tools).length === 0) return undefined
  if (scene.stage.dialect === 'vllm') {
    return refuse(scene, 400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
  }
  const name = modelOf(scene)
  return refuse(
    scene,
    400,
    `registry.ollama.ai/library/${name.includes(':') ? name : `${name}:latest`} does not support tools`,
  )
}

function noThink(scene: Scene): Script | undefined {
  const { think, reasoning_effort: effort } = scene.body
  if ((think === undefined || think === false) && effort === undefined) return undefined
  return refuse(scene, 400, `"${modelOf(scene)}" does not support thinking`)
}

function promptTooLong(scene: Scene): Script {
  const needed = setting(scene.behaviour, 'needed', 1519)
  const contextTokens = setting(scene.behaviour, 'ctx', 256)
  if (isNative(scene)) return ollamaError(400, JSON.stringify(contextExceeded(needed, contextTokens)))
  if (surfaceOf(scene) === 'messages')
    return refuse(scene, 400, `prompt is too long: ${needed} tokens > ${contextTokens} maximum`)
  return tooLong(scene, needed, contextTokens)
}

const RATE_DETAIL = { type: 'requests', code: 'rate_limit_exceeded' }

function rateHeaders(scene: Scene, afterSeconds: number): Record<string, string> {
  if (surfaceOf(scene) === 'messages') {
    const reset = new Date(scene.stage.clock.nowMs() + afterSeconds * 1000).toISOString()
    return {
      'anthropic-ratelimit-requests-limit': '60',
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': reset,
    }
  }
  return {
    'x-ratelimit-limit-requests': '60',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': `${afterSeconds}s`,
    'x-ratelimit-limit-tokens': '30000',
    'x-ratelimit-remaining-tokens': '1000',
    'x-ratelimit-reset-tokens': `${afterSeconds}s`,
  }
}

function rateRefusal(scene: Scene, seconds: number): Script {
  const message =
    `Rate limit reached for ${modelOf(scene)} in organization org-sandbox on requests per min (RPM): ` +
    `Limit 60, Used 60, Requested 1. Please try again in ${seconds}s.`
  return withHeaders(refuse(scene, 429, message, RATE_DETAIL), rateHeaders(scene, seconds))
}

/** 429 after the first `after` requests have been let through. */
function rate(scene: Scene): Script | undefined {
  const key = `rate/${modelOf(scene)}`
  const seen = (scene.stage.turns.get(key) ?? 0) + 1
  scene.stage.turns.set(key, seen)
  if (seen <= setting(scene.behaviour, 'after', 0)) return undefined
  const seconds = setting(scene.behaviour, 'seconds', 2)
  return withHeaders(rateRefusal(scene, seconds), { 'retry-after': String(seconds) })
}

/** By `kind`: an account without credit (402), a credit balance too low (400, as seen) or a monthly cap (429, no wait). */
function anthropicQuota(scene: Scene): Script {
  const { kind } = scene.behaviour.params
  const details = { error_code: 'enforced_spend_limit_reached' }
  if (kind === 'cap') return refuse(scene, 429, 'Your organization has reached its spend limit.', { details })
  const message = 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.'
  return refuse(scene, kind === 'balance' ? 400 : 402, message)
}

function quota(scene: Scene): Script {
  if (scene.stage.dialect === 'anthropic') return anthropicQuota(scene)
  if (scene.stage.dialect === 'openrouter') {
    return refuse(scene, 402, 'Insufficient credits. Add more using https://openrouter.ai/settings/credits')
  }
  const message = 'You exceeded your current quota, please check your plan and billing details.'
  return refuse(scene, 429, message, { type: 'insufficient_quota', code: 'insufficient_quota' })
}

function overloaded(scene: Scene): Script {
  if (surfaceOf(scene) === 'messages') return refuse(scene, 529, 'Overloaded')
  return refuse(scene, 503, 'The server is currently overloaded, please try again later.', {
    type: 'service_unavailable_error',
    code: 'server_is_overloaded',
  })
}

const html = (status: number, title: string): Script =>
  whole(
    status,
    'text/html',
    `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body><center><h1>${status} ${title}</h1></center></body>\r\n</html>\r\n`,
  )

function gatewayHtml(scene: Scene): Script {
  const status = setting(scene.behaviour, 'status', 502)
  return html(status, status === 504 ? 'Gateway Time-out' : 'Bad Gateway')
}

function badOption(scene: Scene): Script {
  if (isNative(scene)) return ollamaError(500, 'option "temperature" must be of type float32')
  if (surfaceOf(scene) === 'messages') return refuse(scene, 400, 'temperature: Input should be a valid number')
  return refuse(scene, 400, "Invalid type for 'temperature': expected a number, but got a string instead.", {
    code: 'invalid_type',
    param: 'temperature',
  })
}

function detail(): Script {
  const body = { detail: [{ loc: ['body', 'messages'], msg: 'field required', type: 'missing' }] }
  return whole(422, 'application/json', JSON.stringify(body))
}

/** An error text that gives away what the gateway must keep to itself: the key it sent and the address it called. */
function secretEcho(scene: Scene): Script {
  const { authorization, 'x-api-key': key, host } = scene.headers
  const secret =
    typeof authorization === 'string' ? authorization : typeof key === 'string' ? key : 'Bearer sk-sandbox-secret'
  const message = `upstream http://${host ?? 'sandbox'}${scene.path} refused ${secret}: internal error at worker ${scene.stage.name}`
  return refuse(scene, setting(scene.behaviour, 'status', 500), message)
}

function errorUnder200(scene: Scene): Script {
  if (surfaceOf(scene) === 'messages') return { ...refuse(scene, 529, 'Overloaded'), status: 200, reason: 'failed' }
  const error = {
    code: 502,
    message: 'Provider returned error',
    metadata: { provider_name: 'Sandbox', raw: '{"error":{"message":"upstream failed","type":"server_error"}}' },
  }
  const script = whole(200, 'application/json', JSON.stringify({ error }))
  script.reason = 'failed'
  return script
}

const BUSY = 'server busy, please try again.  maximum pending requests exceeded'
const NO_EMBEDDINGS = 'This server does not support embeddings. Start it with `--embeddings`'

/** Behaviours of the catalogue's section C (and the two of E and F that refuse), by name. */
export const REFUSALS: Record<string, Refusal> = {
  'no-model': noModel,
  'no-model-embed': noModel,
  'no-tools': noTools,
  'no-think': noThink,
  'too-long': promptTooLong,
  busy: (scene) => refuse(scene, 503, BUSY),
  loading: (scene) => {
    const error = { message: 'Loading model', type: 'unavailable_error', code: 503 }
    return isNative(scene)
      ? ollamaError(503, 'Loading model')
      : whole(503, 'application/json; charset=utf-8', JSON.stringify({ error }))
  },
  'load-fail': (scene) => refuse(scene, 500, 'llama-server process has terminated: exit status 1'),
  'bad-option': badOption,
  'no-embed': (scene) => refuse(scene, 501, NO_EMBEDDINGS),
  'bad-json': (scene) => refuse(scene, 400, brokenJsonText(Buffer.from('{bad'))),
  'no-key': (scene) =>
    scene.stage.dialect === 'ollama' || surfaceOf(scene) === 'messages'
      ? refuse(scene, 401, scene.stage.dialect === 'anthropic' ? 'invalid x-api-key' : 'unauthorized')
      : keyRefused(scene, scene.stage.dialect, scene.headers.authorization?.replace(/^Bearer /, '') ?? ''),
  'forbidden-host': () => whole(403, '', ''),
  rate,
  'rate-ms': (scene) =>
    withHeaders(rateRefusal(scene, 1), { 'retry-after-ms': String(setting(scene.behaviour, 'ms', 150)) }),
  'rate-far': (scene) => withHeaders(rateRefusal(scene, 3600), { 'retry-after': '3600' }),
  quota,
  overloaded,
  http500: () => html(500, 'Internal Server Error'),
  'gateway-html': gatewayHtml,
  'not-found-text': () => whole(404, 'text/plain', '404 page not found'),
  detail,
  redirect: (scene) =>
    withHeaders(whole(307, '', ''), { location: `${scene.behaviour.params.to ?? 'http://127.0.0.1:9'}${scene.path}` }),
  'secret-echo': secretEcho,
  'err-200': errorUnder200,
}
