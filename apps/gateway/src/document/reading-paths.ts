import { ownRequestReply } from '@tollgate/proof/record'
import { z } from 'zod'
import { countTokensSchema } from '../routes/anthropic/messages.schema'
import { conversationsQuery, eraseQuery, newConversationSchema, switchSchema, turnsQuery } from '../routes/conversations/conversations.schema'
import { costReportSchema } from '../routes/cost-report/cost-report.schema'
import { explainSchema } from '../routes/explain/explain.schema'
import { ollamaShowSchema } from '../routes/ollama/ollama.schema'
import { tokenCount } from './anthropic-answers.schema'
import { conversation, conversationDeleted, conversationExport, conversationPage, conversationsErased, modelSwitched, turnPage } from './conversation-answers.schema'
import { costReport } from './cost-answers.schema'
import { requestExplained, requestForeseen } from './explain-answers.schema'
import { providerModels, providerStatuses, usableModels } from './model-answers.schema'
import { ollamaCard, ollamaPs, ollamaTags, ollamaVersion } from './ollama-answers.schema'
import { modelObject, modelObjects } from './openai-answers.schema'
import type { Operations, PathItem, Wish } from './operations'
import { signedReceipt, signingKeys } from './request-answers.schema'
import { ownLimits, ownUsage } from './standing-answers.schema'

const reading = { tag: 'reading', error: 'openai' } as const
const plain = { tag: 'reading', error: 'plain' } as const
const kept = { tag: 'conversations', error: 'openai' } as const

/** Everything that is not billed. */
export function readingPaths(operations: Operations): Record<string, PathItem> {
  return { ...modelPaths(operations), ...conversationPaths(operations), ...requestPaths(operations) }
}

function modelPaths(operations: Operations): Record<string, PathItem> {
  const get = (wish: Wish) => ({ get: operations.of(wish) })
  const post = (wish: Wish) => ({ post: operations.of(wish) })
  return {
    '/': get({ ...plain, id: 'ollamaRoot', summary: "What Ollama's clients ask first", says: 'Ollama is running', answer: z.string(), type: 'text/plain' }),
    '/api/tags': get({ ...plain, id: 'ollamaTags', summary: "Models in Ollama's shape", answer: ollamaTags }),
    '/api/ps': get({ ...plain, id: 'ollamaPs', summary: "Loaded models: always none, the fleet is the operator's", answer: ollamaPs }),
    '/api/version': get({ ...plain, id: 'ollamaVersion', summary: "The release of Ollama's API that is spoken", answer: ollamaVersion }),
    '/api/show': post({ ...plain, id: 'ollamaShow', summary: "One model in Ollama's shape", answer: ollamaCard, body: ollamaShowSchema }),
    '/models': get({ ...plain, id: 'models', summary: 'Models this caller may use now', answer: usableModels }),
    '/v1/models': get({ ...reading, id: 'openAiModels', summary: "Models in OpenAI's shape", answer: modelObjects }),
    '/v1/models/{id}': get({ ...reading, id: 'openAiModel', summary: 'One model', answer: modelObject, parameters: [operations.pathParameter('id')] }),
    '/v1/providers': get({ ...reading, id: 'providers', summary: "Providers and hosts in the caller's regions: status, last check, latency", answer: providerStatuses }),
    '/v1/providers/{provider}/models': get({ ...reading, id: 'providerModels', summary: 'Models of one provider that this caller may use, and where', answer: providerModels, parameters: [operations.pathParameter('provider')] }),
    '/v1/providers/health-check': post({ ...reading, id: 'checkProviders', summary: 'Asks the hosts now, a few at a time; answers like /v1/providers', says: 'Providers and hosts after the check', answer: providerStatuses }),
    '/v1/messages/count_tokens': post({ tag: 'reading', error: 'anthropic', id: 'countTokens', summary: 'Input tokens of a message, by our own estimate', says: 'A likely number, rather too high than too low: an estimate, never billed', answer: tokenCount, body: countTokensSchema }),
  }
}

function conversationPaths(operations: Operations): Record<string, PathItem> {
  const parameters = [operations.pathParameter('id')]
  return {
    '/v1/conversations': {
      get: operations.of({ ...reading, id: 'conversations', summary: 'Stored conversations, newest first', answer: conversationPage, parameters: operations.queryParameters(conversationsQuery) }),
      post: operations.of({ ...kept, id: 'createConversation', summary: 'Asks for one to be remembered', status: 201, answer: conversation, body: newConversationSchema }),
      delete: operations.of({ ...kept, id: 'eraseConversations', summary: 'Deletes every conversation and the key that sealed them', answer: conversationsErased, parameters: operations.queryParameters(eraseQuery) }),
    },
    '/v1/conversations/{id}': {
      get: operations.of({ ...reading, id: 'conversation', summary: 'One conversation', answer: conversation, parameters }),
      patch: operations.of({ ...kept, id: 'switchModel', summary: 'Goes on with another model, if that one can take over: {ok, model, warning?}', answer: modelSwitched, parameters, body: switchSchema, reasons: { 409: 'the conversation stays with its model; the sentence tells why' } }),
      delete: operations.of({ ...kept, id: 'deleteConversation', summary: 'Deletes it and its turns', answer: conversationDeleted, parameters }),
    },
    '/v1/conversations/{id}/turns': { get: operations.of({ ...reading, id: 'conversationTurns', summary: 'What was asked and answered, in order', answer: turnPage, parameters: [...parameters, ...operations.queryParameters(turnsQuery)] }) },
    '/v1/conversations/{id}/export': { get: operations.of({ ...reading, id: 'exportConversation', summary: 'All of it in one body', answer: conversationExport, parameters }) },
  }
}

function requestPaths(operations: Operations): Record<string, PathItem> {
  const get = (wish: Wish) => ({ get: operations.of(wish) })
  const parameters = [operations.pathParameter('id')]
  return {
    '/v1/requests/{id}': get({ ...reading, id: 'request', summary: 'What was measured and billed for one request, and by which price', answer: ownRequestReply, parameters }),
    '/v1/requests/{id}/receipt': get({ ...reading, id: 'receipt', summary: 'Where one request was answered, signed (compact JWS, Ed25519)', answer: signedReceipt, parameters }),
    '/v1/requests/{id}/explain': get({ ...reading, id: 'explainRequest', summary: 'What was decided for one request: rules, candidates with the reason each was dropped, attempts, price, limits', answer: requestExplained, parameters }),
    '/v1/explain': { post: operations.of({ ...reading, id: 'explain', summary: 'The dry run of a body of /chat or /chat/smart: what would be decided now; nothing is sent, counted or billed', says: 'What would be decided now', answer: requestForeseen, body: explainSchema }) },
    '/.well-known/jwks.json': { get: operations.public({ ...plain, id: 'signingKeys', summary: 'The public key of receipts (JWKS)', says: 'The keys that receipts are or were signed with', answer: signingKeys }) },
    '/v1/limits': get({ ...reading, id: 'limits', summary: 'What this key may still do: limits of requests and tokens, budgets', answer: ownLimits }),
    '/v1/usage': get({ ...reading, id: 'usage', summary: "What this tenant used and spent today and in its budget's period, and what is left", answer: ownUsage }),
    '/cost-report': get({ ...plain, id: 'costReport', summary: 'What this tenant used and what it cost', answer: costReport, also: ['text/csv'], parameters: operations.queryParameters(costReportSchema) }),
  }
}
