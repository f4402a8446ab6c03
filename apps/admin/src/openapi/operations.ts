import { STATUS_CODES } from 'node:http'
import type { OpenAPIObject } from '@nestjs/swagger'
import { addComponent, jsonSchemaOf, type Components } from '@tollgate/platform/json-schema'
import type { DeclaredRoute } from '../permit-check'
import type { Answer } from './answers'

type Operation = Record<string, unknown> & { operationId?: string; parameters?: unknown[]; responses?: Record<string, unknown>; requestBody?: unknown }

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Sentences of the statuses that operations may answer with. */
const ERRORS: Readonly<Record<string, string>> = {
  400: 'The request is not valid; `errors` names every path',
  401: 'Not logged in, or no longer',
  403: 'The role does not hold the permission, or not for one of the fields',
  404: 'There is no such object for this caller',
  409: 'It already exists, or is still in use; or a request with this Idempotency-Key still runs, or was cut off',
  413: 'The body is larger than TOLLGATE_BODY_LIMIT_BYTES',
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

/**
 * Adds what the routes declare (permission, answer) and what every operation shares: how to authenticate, and the errors
 * it may answer. @param others components of paths that are not this app's
 */
export function describeOperations(document: OpenAPIObject, routes: ReadonlyMap<string, DeclaredRoute>, others: Readonly<Components>): OpenAPIObject {
  const components: Components = { ...document.components?.schemas, Problem: PROBLEM }
  for (const [address, path] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = (path as Record<string, Operation | undefined>)[method]
      const route = operation?.operationId && routes.get(operation.operationId)
      if (!operation || !route) continue
      answer(operation, route.answers, components)
      describe(operation, route.declared, method !== 'get' && address.startsWith('/admin'))
    }
  }
  for (const [name, schema] of Object.entries(others)) addComponent(components, name, schema)
  document.components = { ...document.components, schemas: components as never }
  return document
}

/** Fills in the one success that Nest knows the status of. */
function answer(operation: Operation, answers: Answer | undefined, components: Components): void {
  const [status = '200'] = Object.keys(operation.responses ?? {})
  const success: Record<string, unknown> = { description: STATUS_CODES[status] }
  if (answers) {
    const schema = jsonSchemaOf(answers.schema, 'output', components)
    // OpenAPI 3.1 has no word for what is in an event.
    if (answers.isStream) success.content = { 'text/event-stream': { schema: { type: 'string' }, 'x-event-data': schema } }
    else success.content = { 'application/json': { schema }, ...Object.fromEntries(answers.also.map((type) => [type, { schema: { type: 'string' } }])) }
  }
  operation.responses = { [status]: success }
}

function describe(operation: Operation, declared: DeclaredRoute['declared'], takesKey: boolean): void {
  const isPublic = declared === 'public'
  operation['x-permission'] = isPublic ? 'public' : (declared ?? []).join(' | ')
  operation.security = isPublic ? [] : [{ person: [] }]
  if (takesKey) operation.parameters = [...(operation.parameters ?? []), KEY]
  const hasBody = operation.requestBody !== undefined
  // Public routes that take a body are those of logging in, which may fail.
  const refusals = isPublic ? (hasBody ? [401] : []) : [401, 403]
  const statuses = [400, ...refusals, 404, 409, ...(hasBody ? [413] : []), ...(takesKey ? [422] : []), 429, 500, 503]
  const errors = statuses.map((status) => [status, { description: ERRORS[status], content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }])
  operation.responses = { ...operation.responses, ...Object.fromEntries(errors) }
}
