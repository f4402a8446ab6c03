import { z } from 'zod'
import { chatSchema } from './routes/chat/chat.schema'
import { costReportSchema } from './routes/cost-report/cost-report.schema'
import { chatCompletionsSchema } from './routes/openai/chat-completions.schema'

type PathItem = Record<string, unknown>

const json = (schema: unknown) => ({ content: { 'application/json': { schema } } })
const bodyOf = (schema: z.ZodType) => ({ required: true, ...json(schemaOf(schema)) })
const security = [{ api_key: [] }]

const ERROR = { type: 'object', required: ['error', 'code', 'request_id'], properties: { error: { type: 'string' }, code: { type: 'string' }, request_id: { type: 'string' }, available_models: { type: 'array', items: { type: 'string' } }, available_in: { type: 'array', items: { type: 'string' } }, retry_after: { type: 'integer' } } }
const OPENAI_ERROR = { type: 'object', required: ['error'], properties: { error: { type: 'object', required: ['message', 'type', 'param', 'code'], properties: { message: { type: 'string' }, type: { type: 'string' }, param: { type: ['string', 'null'] }, code: { type: ['string', 'null'] } } } } }

/** What may go wrong on an inference route, by status. */
const REASONS: Readonly<Record<string, string>> = {
  400: 'the request is not valid',
  401: 'the API key is missing, malformed, unknown, expired or revoked',
  402: 'prepaid credit is used up',
  403: 'the model is outside the tier, or not for this key',
  404: 'the model is unknown; available_models lists what there is',
  413: 'the body is too large',
  429: 'a rate limit or budget is reached',
  502: 'the model host failed',
  503: 'no live host holds the model, or limits cannot be checked',
  504: 'the model host did not answer in time',
}

function responses(success: unknown, error: unknown): Record<string, unknown> {
  const failures = Object.entries(REASONS).map(([status, description]) => [status, { description, ...json(error) }])
  return { 200: success, ...Object.fromEntries(failures) }
}

const STREAMED = { 'text/event-stream': { schema: { type: 'string' } } }
const chatReply = { description: 'The answer, or server-sent events with stream: true', content: { 'application/json': { schema: { type: 'object', required: ['response', 'model', 'requested_model', 'provider', 'region', 'host', 'finish_reason', 'usage', 'duration_ms', 'attempts', 'request_id'] } }, ...STREAMED } }
const completionReply = { description: 'A chat.completion, or chat.completion.chunk events with stream: true', content: { 'application/json': { schema: { type: 'object', required: ['id', 'object', 'created', 'model', 'choices', 'usage'] } }, ...STREAMED } }
const listReply = (description: string) => ({ description, ...json({ type: 'object' }) })

/** The data plane's paths as OpenAPI 3.1 has them, from the very schemas that validate; `scripts/data-plane-document.mjs` writes them down for the control plane's document. */
export function dataPlaneDocument(): Record<string, PathItem> {
  const completion = (operationId: string, summary: string, parameters: unknown[] = []) => ({ post: { operationId, summary, tags: ['inference'], security, ...(parameters.length > 0 ? { parameters } : {}), requestBody: bodyOf(chatCompletionsSchema), responses: responses(completionReply, OPENAI_ERROR) } })
  const read = (operationId: string, summary: string, error: unknown, parameters: unknown[] = []) => ({ get: { operationId, summary, tags: ['reading'], security, ...(parameters.length > 0 ? { parameters } : {}), responses: responses(listReply(summary), error) } })
  return {
    '/chat': { post: { operationId: 'chat', summary: 'One message or a chat', tags: ['inference'], security, requestBody: bodyOf(chatSchema), responses: responses(chatReply, ERROR) } },
    '/v1/chat/completions': completion('chatCompletions', "OpenAI's chat completions"),
    '/chat/completions': completion('chatCompletionsPlain', 'The same without prefix; an unknown model is 400'),
    '/v1/projects/{tenant}/{project}/chat/completions': completion('chatCompletionsOfProject', 'The same, counted to a project', [pathParameter('tenant'), pathParameter('project')]),
    '/models': read('models', 'Models this caller may use now', ERROR),
    '/v1/models': read('openAiModels', "Models in OpenAI's shape", OPENAI_ERROR),
    '/v1/models/{id}': read('openAiModel', 'One model', OPENAI_ERROR, [pathParameter('id')]),
    '/cost-report': read('costReport', 'What this tenant used and what it cost', ERROR, queryParameters()),
  }
}

function pathParameter(name: string): unknown {
  return { name, in: 'path', required: true, schema: { type: 'string' } }
}

function queryParameters(): unknown[] {
  const { properties } = schemaOf(costReportSchema) as { properties: Record<string, unknown> }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }))
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _dialect, ...body } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return body
}
