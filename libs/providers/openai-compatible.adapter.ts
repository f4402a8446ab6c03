import type { Clock, ReplySink } from '@tollgate/kernel'
import type { OutboundPools } from '@tollgate/platform/outbound'
import { attempt } from './attempt'
import type { AttemptOutcome, ProviderAdapter, UpstreamCall } from './domain/adapter'
import { readCompatibleFrame } from './domain/compatible_openai'
import { choicesOf, compatibleChatPath, toCompatibleBody } from './domain/openai_compatible'
import { quirksOf } from './domain/quirks'
import { SseDecoder } from './domain/sse-decoder'

/** OpenAI's chat completions as OpenAI, OpenRouter, vLLM, Together, llama.cpp, LlamaFarm and many others speak them. */
export class OpenAiCompatibleAdapter implements ProviderAdapter {
  constructor(
    private readonly pools: OutboundPools,
    private readonly clock: Clock,
  ) {}

  chat(call: UpstreamCall, sink: ReplySink): Promise<AttemptOutcome> {
    const { target, request, maxTokens, cacheSalt } = call
    const quirks = quirksOf(target.provider)
    return attempt(this.pools, this.clock, call, sink, ({ basePath }) => {
      const dialect = {
        path: compatibleChatPath(basePath),
        body: toCompatibleBody(request, { model: target.model, maxTokens, quirks, cacheSalt }),
        streamType: 'text/event-stream',
        choices: choicesOf(request, quirks),
        ignoresModel: quirks.ignoresModel,
        decoder: (onFrame: (frame: string) => boolean) => new SseDecoder(onFrame),
        read: readCompatibleFrame,
      }
      return { ok: true, dialect }
    })
  }
}
