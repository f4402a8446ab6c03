import { Inject, Injectable } from '@nestjs/common'
import type { ChatRequest, Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { OutboundPools } from '@tollgate/platform/outbound'
import type { ProviderAdapter } from './domain/adapter'
import { lackOf, type Lack } from './domain/lacks'
import { COMPATIBLE_PROVIDERS, quirksOf } from './domain/quirks'
import { AnthropicAdapter } from './anthropic.adapter'
import { OllamaAdapter } from './ollama.adapter'
import { OpenAiCompatibleAdapter } from './openai-compatible.adapter'

/** Knows which adapter speaks to which provider. */
@Injectable()
export class ProvidersService {
  /** Ids of all providers that can be called. */
  readonly known: ReadonlySet<string>
  private readonly adapters = new Map<string, ProviderAdapter>()

  constructor(@Inject(OutboundPools) pools: OutboundPools, @Inject(CLOCK) clock: Clock) {
    const compatible = new OpenAiCompatibleAdapter(pools, clock)
    for (const provider of COMPATIBLE_PROVIDERS) this.adapters.set(provider, compatible)
    this.adapters.set('ollama', new OllamaAdapter(pools, clock))
    this.adapters.set('anthropic', new AnthropicAdapter(pools, clock))
    this.known = new Set(this.adapters.keys())
  }

  /** The adapter of a provider id; null when no adapter speaks its dialect. */
  adapterFor(provider: string): ProviderAdapter | null {
    return this.adapters.get(provider) ?? null
  }

  /** What of a wish would be lost on the way to this provider; null = nothing. */
  lackOf(provider: string, request: Pick<ChatRequest, 'parameters' | 'messages'>): Lack | null {
    return lackOf(provider, request)
  }

  /** Whether one call to this provider gives as many choices as are asked for; else it gives one. */
  answersSeveral(provider: string): boolean {
    return COMPATIBLE_PROVIDERS.includes(provider) && quirksOf(provider).answersSeveral
  }
}
