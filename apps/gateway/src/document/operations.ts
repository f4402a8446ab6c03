import { jsonSchemaOf, type Components } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { anthropicError, openAiError, plainError } from './error-answers.schema'

/** A path of the document: operations by method. */
export type PathItem = Record<string, unknown>

/** What is particular to one operation. */
export interface Wish {
  readonly id: string
  readonly summary: string
  /** `inference` takes an `Idempotency-Key`. */
  readonly tag: 'inference' | 'reading' | 'conversations'
  /** What is said of its success; the summary where there is no more to say. */
  readonly says?: string
  readonly answer: z.ZodType
  /** Media type of the answer; JSON where nothing is said. */
  readonly type?: string
  /** Media types it may be asked for in instead. */
  readonly also?: readonly string[]
  readonly status?: 200 | 201
  readonly body?: z.ZodType
  readonly parameters?: readonly unknown[]
  readonly error: 'plain' | 'openai' | 'anthropic'
  /** Errors beyond those of every operation. */
  readonly reasons?: Readonly<Record<string, string>>
}

const ERRORS = { plain: plainError, openai: openAiError, anthropic: anthropicError }

/** What may go wrong on an inference route, by status. */
const REASONS: Readonly<Record<string, string>> = {
  400: 'the request is not valid',
  401: 'the API key is missing, malformed, unknown, expired or revoked',
  402: 'prepaid credit is used up',
  403: 'the model is outside the tier, or not for this key',
  404: 'the model is unknown; available_models lists what there is',
  413: 'the body is too large',
  429: 'a rate limit or budget is reached',
  500: 'a fault on our side; quote the request id',
  502: 'the model host failed',
  503: 'no live host holds the model, or limits cannot be checked',
  504: 'the model host did not answer in time',
}
/** The same of an operation with a body. */
const BODY_REASONS: Readonly<Record<string, string>> = { 415: 'the body is compressed' }

/** What an Idempotency-Key adds to them. */
const KEY_REASONS: Readonly<Record<string, string>> = {
  409: 'a request with this Idempotency-Key still runs (see Retry-After), or is over: original holds its request_id, status, finish_reason, usage, cost and currency',
  422: 'this Idempotency-Key was used with another request',
}
const KEY = { name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', pattern: '^[!-~]{1,255}$' }, description: 'Kept for 24 hours: within them the same request is answered and billed once, whichever gateway it reaches' }

const security = [{ api_key: [] }]

/** Writes operations as OpenAPI 3.1 has them, and gathers the schemas that they name. */
export class Operations {
  readonly components: Components = {}

  /** An operation that an API key is needed for. */
  of({ id, summary, tag, says, answer, type, also, status = 200, body, parameters = [], error, reasons }: Wish): PathItem {
    const isKeyed = tag === 'inference'
    const all = [...parameters, ...(isKeyed ? [KEY] : [])]
    const told = { ...REASONS, ...(body ? BODY_REASONS : {}), ...(isKeyed ? KEY_REASONS : {}), ...reasons }
    const failures = Object.entries(told).map(([code, description]) => [code, { description, ...this.json(ERRORS[error]) }])
    return {
      operationId: id,
      summary,
      tags: [tag],
      security,
      ...(all.length > 0 ? { parameters: all } : {}),
      ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: jsonSchemaOf(body, 'input', this.components) } } } } : {}),
      responses: { [status]: this.success(says ?? summary, answer, type, also), ...Object.fromEntries(failures) },
    }
  }

  /** An operation that anybody may call. */
  public({ id, summary, tag, says, answer }: Wish): PathItem {
    return { operationId: id, summary, tags: [tag], security: [], responses: { 200: this.success(says ?? summary, answer) } }
  }

  pathParameter(name: string): unknown {
    return { name, in: 'path', required: true, schema: { type: 'string' } }
  }

  queryParameters(schema: z.ZodType): unknown[] {
    const { properties } = jsonSchemaOf(schema, 'input', this.components) as { properties: Record<string, unknown> }
    return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }))
  }

  private success(description: string, answer: z.ZodType, type?: string, also: readonly string[] = []): unknown {
    return { description, content: { ...this.json(answer, type).content, ...Object.fromEntries(also.map((type) => [type, { schema: { type: 'string' } }])) } }
  }

  private json(schema: z.ZodType, type = 'application/json') {
    return { content: { [type]: { schema: jsonSchemaOf(schema, 'output', this.components) } } }
  }
}
