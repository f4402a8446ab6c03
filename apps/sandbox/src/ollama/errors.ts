import { goJson, goTypeOf, isObject, numberOf, objectOf, textOf, type JsonObject } from '../json'
import { whole, type Script } from '../script'

/** The content type of Ollama's JSON handlers. */
export const OLLAMA_JSON = 'application/json; charset=utf-8'

/** `{"error": text}` under a status. */
export function ollamaError(status: number, text: string): Script {
  return whole(status, OLLAMA_JSON, goJson({ error: text }))
}

/** A JSON body under status 200. */
export function ollamaJson(value: unknown): Script {
  return whole(200, OLLAMA_JSON, goJson(value))
}

/** What the router says to a path it does not know. */
export const pageNotFound = (): Script => whole(404, 'text/plain', '404 page not found')

/** What the router says to a known path under another method. */
export const methodNotAllowed = (): Script => whole(405, 'text/plain', '405 method not allowed')

/** The parser's complaint about a body that is no JSON, in Go's words. */
export function brokenJsonText(raw: Buffer): string {
  const text = raw.toString('utf8').trimStart()
  if (text.startsWith('{')) {
    const next = text.slice(1).trimStart()[0]
    if (next === undefined) return 'unexpected EOF'
    if (next !== '"' && next !== '}') return `invalid character '${next}' looking for beginning of object key string`
    return 'unexpected EOF'
  }
  return `invalid character '${text[0] ?? ' '}' looking for beginning of value`
}

const FLOAT_OPTIONS = [
  'temperature',
  'top_p',
  'min_p',
  'typical_p',
  'repeat_penalty',
  'presence_penalty',
  'frequency_penalty',
]
const INTEGER_OPTIONS = [
  'num_ctx',
  'num_batch',
  'num_gpu',
  'main_gpu',
  'num_thread',
  'num_keep',
  'seed',
  'num_predict',
  'top_k',
  'repeat_last_n',
]

function optionFault(options: JsonObject): string | undefined {
  for (const [key, value] of Object.entries(options)) {
    if (FLOAT_OPTIONS.includes(key) && numberOf(value) === undefined) return `option "${key}" must be of type float32`
    if (INTEGER_OPTIONS.includes(key) && numberOf(value) === undefined) return `option "${key}" must be of type integer`
    if (key === 'stop' && !Array.isArray(value)) return 'option "stop" must be of type array'
  }
  return undefined
}

const DURATION = /^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/
const THINK_VALUES = ['high', 'medium', 'low', 'max']

/** Milliseconds of a `keep_alive` (seconds or a Go duration), Infinity when negative, undefined when unreadable. */
export function keepAliveMs(value: unknown): number | undefined {
  if (value === undefined || value === null) return 300_000
  if (typeof value === 'number') return value < 0 ? Infinity : value * 1000
  const text = textOf(value) ?? ''
  if (/^-?\d+$/.test(text)) return keepAliveMs(Number(text))
  if (!DURATION.test(text)) return undefined
  if (text.startsWith('-')) return Infinity
  const unitsMs: Record<string, number> = {
    h: 3_600_000,
    m: 60_000,
    s: 1000,
    ms: 1,
    us: 0.001,
    µs: 0.001,
    ns: 0.000001,
  }
  let total = 0
  for (const [, digits, , unit] of text.matchAll(/(\d+(\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(digits) * (unitsMs[unit ?? ''] ?? 0)
  }
  return total
}

/** The refusal of a chat or generate body that any Ollama would refuse before looking for the model. */
export function refuseBody(body: JsonObject, request: string): Script | undefined {
  if (body.model !== undefined && textOf(body.model) === undefined) {
    const type = goTypeOf(body.model)
    return ollamaError(400, `json: cannot unmarshal ${type} into Go struct field ${request}.model of type string`)
  }
  if (keepAliveMs(body.keep_alive) === undefined) {
    return ollamaError(400, `time: invalid duration "${String(body.keep_alive)}"`)
  }
  const { think } = body
  if (typeof think === 'string' && !THINK_VALUES.includes(think)) {
    const allowed = THINK_VALUES.map((value) => `"${value}"`).join(', ')
    return ollamaError(400, `invalid think value: "${think}" (must be ${allowed}, true, or false)`)
  }
  return undefined
}

/** The refusal of options or a format of the wrong type, which comes only once the model is found. */
export function refuseSettings(body: JsonObject): Script | undefined {
  const fault = optionFault(objectOf(body.options))
  if (fault) return ollamaError(500, fault)
  const { format } = body
  if (format !== undefined && format !== null && format !== '' && format !== 'json' && !isObject(format)) {
    return ollamaError(
      500,
      `invalid format: ${JSON.stringify(JSON.stringify(format))}; expected "json" or a valid JSON Schema object`,
    )
  }
  return undefined
}

/** The nested error a runner gives for a prompt longer than its context. */
export function contextExceeded(promptTokens: number, contextTokens: number): JsonObject {
  return {
    error: {
      code: 400,
      message: `request (${promptTokens} tokens) exceeds the available context size (${contextTokens} tokens), try increasing it`,
      type: 'exceed_context_size_error',
      n_prompt_tokens: promptTokens,
      n_ctx: contextTokens,
    },
  }
}
