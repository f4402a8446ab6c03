import { createHash } from 'node:crypto'
import type { Clock, ReplySink } from '@tollgate/kernel'
import type { OutboundPools } from '@tollgate/platform/outbound'
import { attempt } from './attempt'
import type { AttemptOutcome, ProviderAdapter, UpstreamCall } from './domain/adapter'
import { readCompatibleFrame } from './domain/compatible_openai'
import { readCompatibleEmbeddings, toCompatibleEmbedBody } from './domain/embeddings'
import { choicesOf, compatibleChatPath, compatibleRoot, toCompatibleBody } from './domain/openai_compatible'
import { quirksOf } from './domain/quirks'
import { SseDecoder } from './domain/sse-decoder'
import type { Dialect } from './domain/dialect'

/** OpenAI's chat completions as OpenAI, OpenRouter, vLLM, Together, llama.cpp, LlamaFarm and many others speak them. */
export class OpenAiCompatibleAdapter implements ProviderAdapter {
  constructor(
    private readonly pools: OutboundPools,
    private readonly clock: Clock,
  ) {}

  chat(call: UpstreamCall, sink: ReplySink): Promise<AttemptOutcome> {
    const { target, request, maxTokens, cacheSpace } = call
    const quirks = quirksOf(target.provider)
    return attempt(this.pools, this.clock, call, sink, ({ basePath }) => {
      if (request.embedding) return { ok: true, dialect: embedDialect(call, basePath, quirks.ignoresModel) }
      const dialect = {
        path: compatibleChatPath(basePath),
        body: toCompatibleBody(request, { model: target.model, maxTokens, quirks, cacheSalt: quirks.takesCacheSalt && cacheSpace !== undefined ? saltOf(cacheSpace) : undefined }),
        streamType: 'text/event-stream',
        choices: choicesOf(request, quirks),
        ignoresModel: quirks.ignoresModel,
        generationHeader: quirks.generationHeader,
        decoder: (onFrame: (frame: string) => boolean) => new SseDecoder(onFrame),
        read: readCompatibleFrame,
      }
      return { ok: true, dialect }
    })
  }
}

function embedDialect({ request, target }: UpstreamCall, basePath: string, ignoresModel: boolean): Dialect {
  return {
    path: `${compatibleRoot(basePath)}/embeddings`,
    body: toCompatibleEmbedBody(request, target.model),
    streamType: 'text/event-stream',
    choices: 1,
    ignoresModel,
    decoder: (onFrame) => new SseDecoder(onFrame),
    read: (reply, text) => readCompatibleEmbeddings(reply, text, request.messages.length),
  }
}

/** The same on every gateway, and nobody's name. */
function saltOf(space: string): string {
  return createHash('sha256').update(`tollgate cache ${space}`).digest('hex').slice(0, 32)
}
