import type { OpenAPIObject } from '@nestjs/swagger'

type Declared = readonly string[] | 'public' | undefined
type Operation = Record<string, unknown> & { operationId?: string; responses?: Record<string, unknown>; requestBody?: unknown }

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Sentences of the statuses that operations may answer with. */
const ERRORS: Readonly<Record<string, string>> = {
  400: 'The request is not valid; `errors` names every path',
  401: 'Not logged in, or no longer',
  403: 'The role does not hold the permission, or not for one of the fields',
  404: 'There is no such object for this caller',
  409: 'It already exists, or is still in use',
  429: 'Too many attempts; see Retry-After',
  500: 'A fault on our side; quote the request id',
  503: 'A service behind is away; see Retry-After',
}

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
  for (const path of Object.values(document.paths)) {
    for (const method of METHODS) {
      const operation = (path as Record<string, Operation | undefined>)[method]
      if (operation?.operationId) describe(operation, declared.get(operation.operationId))
    }
  }
  document.components = { ...document.components, schemas: { ...document.components?.schemas, Problem: PROBLEM as never } }
  return document
}

function describe(operation: Operation, declared: Declared): void {
  const isPublic = declared === 'public'
  operation['x-permission'] = isPublic ? 'public' : (declared ?? []).join(' | ')
  operation.security = isPublic ? [] : [{ person: [] }]
  const statuses = [400, ...(isPublic ? [] : [401, 403]), 404, 409, 429, 500, 503]
  const errors = statuses.map((status) => [status, { description: ERRORS[status], content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }])
  operation.responses = { ...operation.responses, ...Object.fromEntries(errors) }
}
