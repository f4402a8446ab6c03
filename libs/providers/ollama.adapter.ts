import type { Clock, ReplySink } from '@tollgate/kernel'
import type { OutboundPools } from '@tollgate/platform/outbound'
import type { AttemptOutcome, ProviderAdapter, UpstreamCall } from './domain/adapter'
import { callerFailure } from './domain/failure'
import { NdjsonDecoder } from './domain/ndjson-decoder'
import { readOllamaLine } from './domain/ollama_openai'
import { ollamaChatPath, toOllamaBody } from './domain/openai_ollama'
import { outcomeOf } from './domain/outcome'
import { Reply } from './domain/reply'
import { Exchange } from './exchange'

/** Ollama's native API. Its `/v1` is never used: mid-stream failures are invisible there, and limits are ignored. */
export class OllamaAdapter implements ProviderAdapter {
  constructor(
    private readonly pools: OutboundPools,
    private readonly clock: Clock,
  ) {}

  chat(call: UpstreamCall, sink: ReplySink): Promise<AttemptOutcome> {
    const { target, request, maxTokens } = call
    const translated = toOllamaBody(request, { model: target.model, maxTokens, settings: target.settings })
    if (!translated.ok) return Promise.resolve(refusedByTranslation(call, translated.reason))
    const host = this.pools.acquire(target)
    const dialect = {
      path: ollamaChatPath(host.basePath),
      body: translated.body,
      streamType: 'application/x-ndjson',
      choices: 1,
      ignoresModel: false,
      decoder: (onFrame: (frame: string) => boolean) => new NdjsonDecoder(onFrame),
      read: readOllamaLine,
    }
    return new Exchange(call, dialect, host, sink, this.clock).run()
  }
}

function refusedByTranslation(call: UpstreamCall, reason: string): AttemptOutcome {
  const { target, request } = call
  const context = { requestedModel: request.model, model: target.model, secret: target.secret }
  const failure = callerFailure(reason, 'not translatable', context)
  return outcomeOf(new Reply(() => {}, 0, ''), call, { choices: 1, ignoresModel: true }, null, failure)
}
