import type { ChatRequest } from '@tollgate/kernel'
import { readOllamaUsage } from './ollama-usage'
import { readOpenAiUsage } from './openai-usage'
import { asObject, type Reply } from './reply'
import type { ReportedUsage } from './reported-usage'

/** The texts to embed: one message each, in order. */
export function inputsOf(request: ChatRequest): string[] {
  return request.messages.map(({ content }) => (typeof content === 'string' ? content : ''))
}

/** The body of Ollama's `/api/embed`. Too long an input is an error, never silently cut. */
export function toOllamaEmbedBody(request: ChatRequest, model: string, settings: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const { keep_alive: keepAlive, ...options } = settings
  const { dimensions } = request.embedding!
  return { model, input: inputsOf(request), truncate: false, ...(dimensions === null ? {} : { dimensions }), ...(Object.keys(options).length > 0 ? { options } : {}), ...(keepAlive === undefined ? {} : { keep_alive: keepAlive }) }
}

/** The body of an OpenAI-compatible `/v1/embeddings`; floats, whatever the caller's own format. */
export function toCompatibleEmbedBody(request: ChatRequest, model: string): Record<string, unknown> {
  const { dimensions } = request.embedding!
  return { model, input: inputsOf(request), encoding_format: 'float', ...(dimensions === null ? {} : { dimensions }) }
}

/** Reads Ollama's answer, which gives the vectors in the order of the inputs. */
export function readOllamaEmbeddings(reply: Reply, text: string, count: number): void {
  const body = bodyOf(reply, text)
  if (!body) return
  reply.usage = asEmbedding(readOllamaUsage({ ...body, eval_count: 0 }), { prompt_eval_count: body.prompt_eval_count })
  take(reply, body.embeddings, count)
}

/** Reads an OpenAI-compatible answer; items say which input they are of. */
export function readCompatibleEmbeddings(reply: Reply, text: string, count: number): void {
  const body = bodyOf(reply, text)
  if (!body) return
  const usage = asObject(body.usage)
  if (usage) reply.usage = asEmbedding(readOpenAiUsage({ ...usage, completion_tokens: 0 }), usage)
  const vectors: unknown[] = []
  for (const [position, item] of (Array.isArray(body.data) ? body.data : []).entries()) {
    const entry = asObject(item)
    vectors[typeof entry?.index === 'number' ? entry.index : position] = entry?.embedding
  }
  take(reply, vectors, count)
}

/** The proof is what the provider said, without the zero we put in for what embeddings do not have. */
function asEmbedding(report: ReportedUsage | null, raw: unknown): ReportedUsage | null {
  return report && { ...report, raw }
}

function bodyOf(reply: Reply, text: string): Readonly<Record<string, unknown>> | null {
  let body: Readonly<Record<string, unknown>> | null = null
  try {
    body = asObject(JSON.parse(text))
  } catch {
    // Judged below, like any other answer that is no object.
  }
  if (!body) reply.malformed = 'answer is not a JSON object'
  else if (body.error !== undefined && body.error !== null) reply.error = { status: null, body }
  else if (typeof body.model === 'string' && body.model) reply.servedModel = body.model
  return reply.malformed || reply.error ? null : body
}

function take(reply: Reply, vectors: unknown, count: number): void {
  const isWhole = Array.isArray(vectors) && vectors.length === count && Array.from(vectors).every((vector) => Array.isArray(vector) && vector.length > 0 && vector.every((number) => typeof number === 'number' && Number.isFinite(number)))
  if (!isWhole) reply.malformed = 'answer without a vector for each input'
  else {
    reply.vectors = vectors as number[][]
    reply.finish(0, 'stop')
    reply.isTerminal = true
  }
}
