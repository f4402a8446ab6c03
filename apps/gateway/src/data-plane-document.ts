import { z } from 'zod'
import { countTokensSchema, messagesSchema } from './routes/anthropic/messages.schema'
import { chatSchema, chatSmartSchema } from './routes/chat/chat.schema'
import { consensusSchema } from './routes/consensus/consensus.schema'
import { explainSchema } from './routes/explain/explain.schema'
import { costReportSchema } from './routes/cost-report/cost-report.schema'
import { conversationsQuery, eraseQuery, newConversationSchema, switchSchema, turnsQuery } from './routes/conversations/conversations.schema'
import { embeddingsSchema } from './routes/openai/embeddings.schema'
import { ollamaChatSchema, ollamaEmbeddingsSchema, ollamaEmbedSchema, ollamaGenerateSchema, ollamaShowSchema } from './routes/ollama/ollama.schema'
import { completionsSchema } from './routes/openai/completions.schema'
import { responsesSchema } from './routes/openai/responses.schema'
import { chatCompletionsSchema } from './routes/openai/chat-completions.schema'

type PathItem = Record<string, unknown>
type Operation = PathItem & { tags: string[]; parameters?: unknown[]; responses: Record<string, { description: string }> }

const json = (schema: unknown) => ({ content: { 'application/json': { schema } } })
const bodyOf = (schema: z.ZodType) => ({ required: true, ...json(schemaOf(schema)) })
const security = [{ api_key: [] }]

const ERROR = { type: 'object', required: ['error', 'code', 'request_id'], properties: { error: { type: 'string' }, code: { type: 'string' }, request_id: { type: 'string' }, available_models: { type: 'array', items: { type: 'string' } }, available_in: { type: 'array', items: { type: 'string' } }, retry_after: { type: 'integer' } } }
const OPENAI_ERROR = { type: 'object', required: ['error'], properties: { error: { type: 'object', required: ['message', 'type', 'param', 'code'], properties: { message: { type: 'string' }, type: { type: 'string' }, param: { type: ['string', 'null'] }, code: { type: ['string', 'null'] } } } } }
const ANTHROPIC_ERROR = { type: 'object', required: ['type', 'error', 'request_id'], properties: { type: { const: 'error' }, error: { type: 'object', required: ['type', 'message', 'code'], properties: { type: { type: 'string' }, message: { type: 'string' }, code: { type: 'string' } } }, request_id: { type: 'string' } } }

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

/** What an Idempotency-Key adds to them. */
const KEY_REASONS: Readonly<Record<string, string>> = {
  409: 'a request with this Idempotency-Key still runs (see Retry-After), or is over: original holds its request_id, status, finish_reason, usage, cost and currency',
  422: 'this Idempotency-Key was used with another request',
}
const KEY = { name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', pattern: '^[!-~]{1,255}$' }, description: 'Kept for 24 hours: within them the same request is answered and billed once, whichever gateway it reaches' }

function responses(success: unknown, error: unknown): Record<string, unknown> {
  const failures = Object.entries(REASONS).map(([status, description]) => [status, { description, ...json(error) }])
  return { 200: success, ...Object.fromEntries(failures) }
}

const STREAMED = { 'text/event-stream': { schema: { type: 'string' } } }
const chatReply = { description: 'The answer, or server-sent events with stream: true', content: { 'application/json': { schema: { type: 'object', required: ['response', 'model', 'requested_model', 'provider', 'region', 'host', 'finish_reason', 'usage', 'duration_ms', 'attempts', 'request_id'] } }, ...STREAMED } }
const completionReply = { description: 'A chat.completion, or chat.completion.chunk events with stream: true', content: { 'application/json': { schema: { type: 'object', required: ['id', 'object', 'created', 'model', 'choices', 'usage'] } }, ...STREAMED } }
const responseReply = { description: 'A response, or named events with stream: true', content: { 'application/json': { schema: { type: 'object', required: ['id', 'object', 'created_at', 'status', 'output', 'usage'] } }, ...STREAMED } }
const messageReply = { description: 'A message, or named events with stream: true', content: { 'application/json': { schema: { type: 'object', required: ['id', 'type', 'role', 'model', 'content', 'stop_reason', 'stop_sequence', 'usage'] } }, ...STREAMED } }
const countReply = { description: 'A likely number, rather too high than too low: an estimate, never billed', ...json({ type: 'object', required: ['input_tokens'], properties: { input_tokens: { type: 'integer' } } }) }
const ollamaReply = { description: 'The answer with stream: false; otherwise, and by default, one JSON object a line', content: { 'application/json': { schema: { type: 'object', required: ['model', 'created_at', 'done'] } }, 'application/x-ndjson': { schema: { type: 'string' } } } }
const listReply = (description: string) => ({ description, ...json({ type: 'object' }) })

/** The data plane's paths as OpenAPI 3.1 has them, from the very schemas that validate; `scripts/data-plane-document.mjs` writes them down for the control plane's document. */
export function dataPlaneDocument(): Record<string, PathItem> {
  const completion = (operationId: string, summary: string, parameters: unknown[] = []) => ({ post: { operationId, summary, tags: ['inference'], security, ...(parameters.length > 0 ? { parameters } : {}), requestBody: bodyOf(chatCompletionsSchema), responses: responses(completionReply, OPENAI_ERROR) } })
  const read = (operationId: string, summary: string, error: unknown, parameters: unknown[] = []) => ({ get: { operationId, summary, tags: ['reading'], security, ...(parameters.length > 0 ? { parameters } : {}), responses: responses(listReply(summary), error) } })
  const change = (method: string, operationId: string, summary: string, parameters: unknown[], requestBody?: unknown) => ({ [method]: { operationId, summary, tags: ['conversations'], security, ...(parameters.length > 0 ? { parameters } : {}), ...(requestBody ? { requestBody } : {}), responses: responses(listReply(summary), OPENAI_ERROR) } })
  return withKeys({
    '/chat': { post: { operationId: 'chat', summary: 'One message or a chat', tags: ['inference'], security, requestBody: bodyOf(chatSchema), responses: responses(chatReply, ERROR) } },
    '/chat/smart': { post: { operationId: 'chatSmart', summary: 'The same; rules choose the model, and selection tells which and why', tags: ['inference'], security, requestBody: bodyOf(chatSmartSchema), responses: responses(chatReply, ERROR) } },
    '/chat/consensus': { post: { operationId: 'consensus', summary: 'One question to several models; the bill is the sum of theirs', tags: ['inference'], security, requestBody: bodyOf(consensusSchema), responses: responses(listReply('The answer that was chosen, and every answer'), ERROR) } },
    '/v1/chat/completions': completion('chatCompletions', "OpenAI's chat completions"),
    '/v1/completions': { post: { operationId: 'completions', summary: "OpenAI's legacy completions: one text prompt", tags: ['inference'], security, requestBody: bodyOf(completionsSchema), responses: responses(completionReply, OPENAI_ERROR) } },
    '/v1/responses': { post: { operationId: 'responses', summary: "OpenAI's responses, stateless: nothing is stored", tags: ['inference'], security, requestBody: bodyOf(responsesSchema), responses: responses(responseReply, OPENAI_ERROR) } },
    '/v1/messages': { post: { operationId: 'messages', summary: "Anthropic's messages", tags: ['inference'], security, requestBody: bodyOf(messagesSchema), responses: responses(messageReply, ANTHROPIC_ERROR) } },
    '/v1/messages/count_tokens': { post: { operationId: 'countTokens', summary: 'Input tokens of a message, by our own estimate', tags: ['reading'], security, requestBody: bodyOf(countTokensSchema), responses: responses(countReply, ANTHROPIC_ERROR) } },
    '/v1/embeddings': { post: { operationId: 'embeddings', summary: "OpenAI's embeddings", tags: ['inference'], security, requestBody: bodyOf(embeddingsSchema), responses: responses(listReply('One vector an input'), OPENAI_ERROR) } },
    '/api/embed': { post: { operationId: 'ollamaEmbed', summary: "Ollama's embeddings", tags: ['inference'], security, requestBody: bodyOf(ollamaEmbedSchema), responses: responses(listReply('One vector an input'), ERROR) } },
    '/api/embeddings': { post: { operationId: 'ollamaEmbeddings', summary: "Ollama's older embeddings of one prompt", tags: ['inference'], security, requestBody: bodyOf(ollamaEmbeddingsSchema), responses: responses(listReply('One vector'), ERROR) } },
    '/chat/completions': completion('chatCompletionsPlain', 'The same without prefix; an unknown model is 400'),
    '/v1/projects/{tenant}/{project}/chat/completions': completion('chatCompletionsOfProject', 'The same, counted to a project', [pathParameter('tenant'), pathParameter('project')]),
    '/api/chat': { post: { operationId: 'ollamaChat', summary: "Ollama's chat", tags: ['inference'], security, requestBody: bodyOf(ollamaChatSchema), responses: responses(ollamaReply, ERROR) } },
    '/api/generate': { post: { operationId: 'ollamaGenerate', summary: "Ollama's generate", tags: ['inference'], security, requestBody: bodyOf(ollamaGenerateSchema), responses: responses(ollamaReply, ERROR) } },
    '/': { get: { operationId: 'ollamaRoot', summary: "What Ollama's clients ask first", tags: ['reading'], security, responses: responses({ description: 'Ollama is running', content: { 'text/plain': { schema: { type: 'string' } } } }, ERROR) } },
    '/api/tags': read('ollamaTags', "Models in Ollama's shape", ERROR),
    '/api/ps': read('ollamaPs', 'Loaded models: always none, the fleet is the operator\'s', ERROR),
    '/api/version': read('ollamaVersion', "The release of Ollama's API that is spoken", ERROR),
    '/api/show': { post: { operationId: 'ollamaShow', summary: "One model in Ollama's shape", tags: ['reading'], security, requestBody: bodyOf(ollamaShowSchema), responses: responses(listReply("One model in Ollama's shape"), ERROR) } },
    '/models': read('models', 'Models this caller may use now', ERROR),
    '/v1/models': read('openAiModels', "Models in OpenAI's shape", OPENAI_ERROR),
    '/v1/models/{id}': read('openAiModel', 'One model', OPENAI_ERROR, [pathParameter('id')]),
    '/v1/providers': read('providers', "Providers and hosts in the caller's regions: status, last check, latency", OPENAI_ERROR),
    '/v1/providers/{provider}/models': read('providerModels', 'Models of one provider that this caller may use, and where', OPENAI_ERROR, [pathParameter('provider')]),
    '/v1/providers/health-check': { post: { operationId: 'checkProviders', summary: 'Asks the hosts now, a few at a time; answers like /v1/providers', tags: ['reading'], security, responses: responses(listReply('Providers and hosts after the check'), OPENAI_ERROR) } },
    '/v1/conversations': {
      ...read('conversations', 'Stored conversations, newest first', OPENAI_ERROR, queryParameters(conversationsQuery)),
      ...change('post', 'createConversation', 'Asks for one to be remembered', [], bodyOf(newConversationSchema)),
      ...change('delete', 'eraseConversations', 'Deletes every conversation and the key that sealed them', queryParameters(eraseQuery)),
    },
    '/v1/conversations/{id}': {
      ...read('conversation', 'One conversation', OPENAI_ERROR, [pathParameter('id')]),
      ...change('patch', 'switchModel', 'Goes on with another model, if that one can take over: {ok, model, warning?}', [pathParameter('id')], bodyOf(switchSchema)),
      ...change('delete', 'deleteConversation', 'Deletes it and its turns', [pathParameter('id')]),
    },
    '/v1/conversations/{id}/turns': read('conversationTurns', 'What was asked and answered, in order', OPENAI_ERROR, [pathParameter('id'), ...queryParameters(turnsQuery)]),
    '/v1/conversations/{id}/export': read('exportConversation', 'All of it in one body', OPENAI_ERROR, [pathParameter('id')]),
    '/v1/requests/{id}': read('request', 'What was measured and billed for one request, and by which price', OPENAI_ERROR, [pathParameter('id')]),
    '/v1/requests/{id}/receipt': read('receipt', 'Where one request was answered, signed (compact JWS, Ed25519)', OPENAI_ERROR, [pathParameter('id')]),
    '/v1/requests/{id}/explain': read('explainRequest', 'What was decided for one request: rules, candidates with the reason each was dropped, attempts, price, limits', OPENAI_ERROR, [pathParameter('id')]),
    '/v1/explain': { post: { operationId: 'explain', summary: 'The dry run of a body of /chat or /chat/smart: what would be decided now; nothing is sent, counted or billed', tags: ['reading'], security, requestBody: bodyOf(explainSchema), responses: responses(listReply('What would be decided now'), OPENAI_ERROR) } },
    '/.well-known/jwks.json': { get: { operationId: 'signingKeys', summary: 'The public key of receipts (JWKS)', tags: ['reading'], security: [], responses: { 200: listReply('{keys: [one Ed25519 key]}') } } },
    '/cost-report': read('costReport', 'What this tenant used and what it cost', ERROR, queryParameters(costReportSchema)),
  })
}

function withKeys(paths: Record<string, PathItem>): Record<string, PathItem> {
  for (const { post } of Object.values(paths) as { post?: Operation }[]) {
    if (!post?.tags.includes('inference')) continue
    post.parameters = [...(post.parameters ?? []), KEY]
    for (const [status, description] of Object.entries(KEY_REASONS)) post.responses[status] = { ...post.responses[400], description }
  }
  return paths
}

function pathParameter(name: string): unknown {
  return { name, in: 'path', required: true, schema: { type: 'string' } }
}

function queryParameters(schema: z.ZodType): unknown[] {
  const { properties } = schemaOf(schema) as { properties: Record<string, unknown> }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }))
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _dialect, ...body } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return body
}
