import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { OutboundPools } from '@tollgate/platform/outbound'
import type { ProviderAdapter } from './domain/adapter'
import { COMPATIBLE_PROVIDERS } from './domain/quirks'
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
    this.known = new Set(this.adapters.keys())
  }

  /** The adapter of a provider id; null when no adapter speaks its dialect. */
  adapterFor(provider: string): ProviderAdapter | null {
    return this.adapters.get(provider) ?? null
  }
}
