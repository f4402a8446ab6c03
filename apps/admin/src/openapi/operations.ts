import type { OpenAPIObject } from '@nestjs/swagger'

type Declared = readonly string[] | 'public' | undefined
type Operation = Record<string, unknown> & { operationId?: string; parameters?: unknown[]; responses?: Record<string, unknown>; requestBody?: unknown }

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Sentences of the statuses that operations may answer with. */
const ERRORS: Readonly<Record<string, string>> = {
  400: 'The request is not valid; `errors` names every path',
  401: 'Not logged in, or no longer',
  403: 'The role does not hold the permission, or not for one of the fields',
  404: 'There is no such object for this caller',
  409: 'It already exists, or is still in use; or a request with this Idempotency-Key still runs, or was cut off',
  422: 'This Idempotency-Key was used with another request',
  429: 'Too many attempts; see Retry-After',
  500: 'A fault on our side; quote the request id',
  503: 'A service behind is away; see Retry-After',
}

/** On every change under /admin; a replayed reply carries the header `idempotency-replayed: true`. */
const KEY = { name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', pattern: '^[!-~]{1,255}$' }, description: 'Kept for 24 hours: within them the same request is made once, and its reply is given again' }

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail', 'errors', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
    errors: { type: 'array', items: { type: 'object', required: ['path', 'message'], properties: { path: { type: 'string' }, message: { type: 'string' } } } },
    request_id: { type: 'string', format: 'uuid' },
    retry_after: { type: 'integer' },
  },
} as const

/** Adds what every operation shares: its permission, how to authenticate, and the errors it may answer. */
export function describeOperations(document: OpenAPIObject, declared: ReadonlyMap<string, Declared>): OpenAPIObject {
  for (const [address, path] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = (path as Record<string, Operation | undefined>)[method]
      if (operation?.operationId) describe(operation, declared.get(operation.operationId), method !== 'get' && address.startsWith('/admin'))
    }
  }
  document.components = { ...document.components, schemas: { ...document.components?.schemas, Problem: PROBLEM as never } }
  return document
}

function describe(operation: Operation, declared: Declared, takesKey: boolean): void {
  const isPublic = declared === 'public'
  operation['x-permission'] = isPublic ? 'public' : (declared ?? []).join(' | ')
  operation.security = isPublic ? [] : [{ person: [] }]
  if (takesKey) operation.parameters = [...(operation.parameters ?? []), KEY]
  const statuses = [400, ...(isPublic ? [] : [401, 403]), 404, 409, ...(takesKey ? [422] : []), 429, 500, 503]
  const errors = statuses.map((status) => [status, { description: ERRORS[status], content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }])
  operation.responses = { ...operation.responses, ...Object.fromEntries(errors) }
}
