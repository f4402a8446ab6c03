import type { Prompt } from './prompt'

/** What a model can do, as its host reports it. Null = not known. */
export interface ModelCapabilities {
  readonly contextLength: number | null
  /** False: no host says what the model can do (cloud lists do not), so nothing may be refused for lack of it. */
  readonly isKnown: boolean
  readonly vision: boolean
  readonly tools: boolean
  readonly embedding: boolean
  readonly thinking: boolean
}

/** A catalogue entry. `name` is canonical (no `:latest`). */
export interface CatalogModel {
  readonly name: string
  readonly displayName: string
  readonly description: string
  readonly version: string | null
  readonly baseModel: string | null
  readonly contextLength: number | null
  readonly maxOutputTokens: number | null
  /** Context that Ollama hosts load it with, and how long they keep it; null = as the installation has it. */
  readonly numCtx: number | null
  readonly keepAlive: string | null
  /** A call whose outcome at one host is unknown may be made once more at another: the operator accepts that it may cost twice. */
  readonly mayRetryAmbiguous: boolean
  readonly capabilities: ModelCapabilities
  /** `format`, `family`, `parameter_size`, `quantization_level` as Ollama reports them; empty for cloud models. */
  readonly details: Readonly<Record<string, unknown>>
  readonly sizeBytes: number | null
  readonly isFree: boolean
  readonly showInUi: boolean
  readonly autoPreload: boolean
  readonly labels: Readonly<Record<string, unknown>>
  /** What the gateway fills in where a caller says nothing (OpenAI's spelling), and the system prompt of calls without one. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly prompt: string | null
  /** Models that stand in when every host of this one fails, in order. */
  readonly fallbacks: readonly string[]
  /** Tool servers of the operator's file whose tools it is given, by name. */
  readonly mcpServers: readonly string[]
  /** The named prompt that an operator gave to it; it goes before `prompt`. */
  readonly namedPrompt: Prompt | null
  readonly origin: 'operator' | 'discovered'
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A model that discovery found on a host and the catalogue may not know yet. */
export interface FoundModel {
  readonly name: string
  readonly sizeBytes: number | null
  readonly details: Readonly<Record<string, unknown>>
  readonly capabilities: readonly string[]
  readonly contextLength: number | null
  /** Of its weights; null where the host tells none (clouds). */
  readonly digest: string | null
}

/** Friendly name → target. At most one of tenantId and tier is set; neither = platform. */
export interface Alias {
  readonly id: string
  readonly tenantId: string | null
  readonly tier: string | null
  readonly name: string
  readonly target: string
}
