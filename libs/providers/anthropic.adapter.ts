import type { Clock, ReplySink } from '@tollgate/kernel'
import type { OutboundPools } from '@tollgate/platform/outbound'
import { attempt } from './attempt'
import type { AttemptOutcome, ProviderAdapter, UpstreamCall } from './domain/adapter'
import { AnthropicReader } from './domain/anthropic_openai'
import { toAnthropicBody } from './domain/openai_anthropic'
import { compatibleRoot } from './domain/openai_compatible'
import { SseDecoder } from './domain/sse-decoder'

const API_VERSION = '2023-06-01'

/** Anthropic's native messages API: its own key header, counts of cached tokens, thinking and tools as blocks. */
export class AnthropicAdapter implements ProviderAdapter {
  constructor(
    private readonly pools: OutboundPools,
    private readonly clock: Clock,
  ) {}

  chat(call: UpstreamCall, sink: ReplySink): Promise<AttemptOutcome> {
    const { target, request, maxTokens } = call
    return attempt(this.pools, this.clock, call, sink, ({ basePath }) => {
      const translated = toAnthropicBody(request, target.model, maxTokens)
      if (!translated.ok) return translated
      const dialect = {
        path: `${compatibleRoot(basePath)}/messages`,
        body: translated.body,
        headers: { 'anthropic-version': API_VERSION, ...(target.secret ? { 'x-api-key': target.secret } : {}) },
        streamType: 'text/event-stream',
        choices: 1,
        ignoresModel: false,
        decoder: (onFrame: (frame: string) => boolean) => new SseDecoder(onFrame),
        read: new AnthropicReader().read,
      }
      return { ok: true, dialect }
    })
  }
}
