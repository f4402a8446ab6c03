import type { OpenAPIObject } from '@nestjs/swagger'

const json = (schema: object) => ({ 'application/json': { schema } })
const STATUS = { type: 'object', required: ['status', 'checks'], additionalProperties: false, properties: { status: { enum: ['ready', 'not ready'] }, checks: { type: 'object', additionalProperties: { enum: ['ok', 'failed', 'yes'] } } } }
const read = (operationId: string, summary: string, responses: object) => ({ get: { operationId, summary, security: [], 'x-permission': 'public', responses } })

/** What each process answers about itself. The platform serves these in every app, and knows no documents: here they are written down. */
export const healthPaths = {
  '/healthz': read('alive', 'Does the process run?', { 200: { description: 'It does', content: json({ type: 'object', required: ['status'], additionalProperties: false, properties: { status: { const: 'ok' } } }) } }),
  '/readyz': read('ready', 'May it get traffic?', { 200: { description: 'It may', content: json(STATUS) }, 503: { description: 'A check failed, or it is about to stop', content: json(STATUS) } }),
  '/metrics': read('metrics', "Prometheus' text format; a bearer token where TOLLGATE_METRICS_TOKEN is set", {
    200: { description: 'Counters, gauges and histograms', content: { 'text/plain': { schema: { type: 'string' } } } },
    401: { description: 'The token is missing or wrong', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
  }),
} as unknown as OpenAPIObject['paths']
