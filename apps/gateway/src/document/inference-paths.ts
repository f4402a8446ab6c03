import { messagesSchema } from '../routes/anthropic/messages.schema'
import { chatSchema, chatSmartSchema } from '../routes/chat/chat.schema'
import { consensusSchema } from '../routes/consensus/consensus.schema'
import { ollamaChatSchema, ollamaEmbeddingsSchema, ollamaEmbedSchema, ollamaGenerateSchema } from '../routes/ollama/ollama.schema'
import { chatCompletionsSchema } from '../routes/openai/chat-completions.schema'
import { completionsSchema } from '../routes/openai/completions.schema'
import { embeddingsSchema } from '../routes/openai/embeddings.schema'
import { responsesSchema } from '../routes/openai/responses.schema'
import { message } from './anthropic-answers.schema'
import { chatAnswer, consensusAnswer } from './chat-answers.schema'
import { ollamaChat, ollamaEmbed, ollamaEmbeddings, ollamaGenerate } from './ollama-answers.schema'
import { chatCompletion, embeddingList, textCompletion } from './openai-answers.schema'
import type { Operations, PathItem, Wish } from './operations'
import { response } from './responses-answers.schema'

const tag = 'inference'
const also = ['text/event-stream']

const CHAT = { tag, says: 'The answer, or server-sent events with stream: true', answer: chatAnswer, also, error: 'plain' } as const
const COMPLETION = { tag, says: 'A chat.completion, or chat.completion.chunk events with stream: true', answer: chatCompletion, also, body: chatCompletionsSchema, error: 'openai' } as const
const OLLAMA = { tag, says: 'The answer with stream: false; otherwise, and by default, one JSON object a line', also: ['application/x-ndjson'], error: 'plain' } as const

/** Everything that is metered and billed. */
export function inferencePaths(operations: Operations): Record<string, PathItem> {
  const post = (wish: Wish) => ({ post: operations.of(wish) })
  return {
    '/chat': post({ ...CHAT, id: 'chat', summary: 'One message or a chat', body: chatSchema }),
    '/chat/smart': post({ ...CHAT, id: 'chatSmart', summary: 'The same; rules choose the model, and selection tells which and why', body: chatSmartSchema }),
    '/chat/consensus': post({ tag, id: 'consensus', summary: 'One question to several models; the bill is the sum of theirs', says: 'The answer that was chosen, and every answer', answer: consensusAnswer, body: consensusSchema, error: 'plain' }),
    '/v1/chat/completions': post({ ...COMPLETION, id: 'chatCompletions', summary: "OpenAI's chat completions" }),
    '/chat/completions': post({ ...COMPLETION, id: 'chatCompletionsPlain', summary: 'The same without prefix; an unknown model is 400' }),
    '/v1/projects/{tenant}/{project}/chat/completions': post({ ...COMPLETION, id: 'chatCompletionsOfProject', summary: 'The same, counted to a project', parameters: [operations.pathParameter('tenant'), operations.pathParameter('project')] }),
    '/v1/completions': post({ tag, id: 'completions', summary: "OpenAI's legacy completions: one text prompt", says: 'A text_completion, or events with stream: true', answer: textCompletion, also, body: completionsSchema, error: 'openai' }),
    '/v1/responses': post({ tag, id: 'responses', summary: "OpenAI's responses, stateless: nothing is stored", says: 'A response, or named events with stream: true', answer: response, also, body: responsesSchema, error: 'openai' }),
    '/v1/messages': post({ tag, id: 'messages', summary: "Anthropic's messages", says: 'A message, or named events with stream: true', answer: message, also, body: messagesSchema, error: 'anthropic' }),
    '/v1/embeddings': post({ tag, id: 'embeddings', summary: "OpenAI's embeddings", says: 'One vector an input', answer: embeddingList, body: embeddingsSchema, error: 'openai' }),
    '/api/embed': post({ tag, id: 'ollamaEmbed', summary: "Ollama's embeddings", says: 'One vector an input', answer: ollamaEmbed, body: ollamaEmbedSchema, error: 'plain' }),
    '/api/embeddings': post({ tag, id: 'ollamaEmbeddings', summary: "Ollama's older embeddings of one prompt", says: 'One vector', answer: ollamaEmbeddings, body: ollamaEmbeddingsSchema, error: 'plain' }),
    '/api/chat': post({ ...OLLAMA, id: 'ollamaChat', summary: "Ollama's chat", answer: ollamaChat, body: ollamaChatSchema }),
    '/api/generate': post({ ...OLLAMA, id: 'ollamaGenerate', summary: "Ollama's generate", answer: ollamaGenerate, body: ollamaGenerateSchema }),
  }
}
