import type { Clock, ReplySink } from '@tollgate/kernel'
import type { OutboundPools } from '@tollgate/platform/outbound'
import { attempt } from './attempt'
import type { AttemptOutcome, ProviderAdapter, UpstreamCall } from './domain/adapter'
import { NdjsonDecoder } from './domain/ndjson-decoder'
import { readOllamaLine } from './domain/ollama_openai'
import { readOllamaEmbeddings, toOllamaEmbedBody } from './domain/embeddings'
import { ollamaChatPath, ollamaRoot, toOllamaBody } from './domain/openai_ollama'
import type { Dialect } from './domain/dialect'

/** Ollama's native API. Its `/v1` is never used: mid-stream failures are invisible there, and limits are ignored. */
export class OllamaAdapter implements ProviderAdapter {
  constructor(
    private readonly pools: OutboundPools,
    private readonly clock: Clock,
  ) {}

  chat(call: UpstreamCall, sink: ReplySink): Promise<AttemptOutcome> {
    const { target, request, maxTokens } = call
    return attempt(this.pools, this.clock, call, sink, ({ basePath }) => {
      if (request.embedding) return { ok: true, dialect: embedDialect(call, basePath) }
      const translated = toOllamaBody(request, { model: target.model, maxTokens, settings: target.settings })
      if (!translated.ok) return translated
      const dialect = {
        path: ollamaChatPath(basePath),
        body: translated.body,
        streamType: 'application/x-ndjson',
        choices: 1,
        ignoresModel: false,
        decoder: (onFrame: (frame: string) => boolean) => new NdjsonDecoder(onFrame),
        read: readOllamaLine,
      }
      return { ok: true, dialect }
    })
  }
}

function embedDialect({ request, target }: UpstreamCall, basePath: string): Dialect {
  return {
    path: `${ollamaRoot(basePath)}/api/embed`,
    body: toOllamaEmbedBody(request, target.model, target.settings),
    streamType: 'application/x-ndjson',
    choices: 1,
    ignoresModel: false,
    decoder: (onFrame) => new NdjsonDecoder(onFrame),
    read: (reply, text) => readOllamaEmbeddings(reply, text, request.messages.length),
  }
}
