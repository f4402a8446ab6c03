/** What a model can do, as its host reports it. Null = not known. */
export interface ModelCapabilities {
  readonly contextLength: number | null
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
  readonly capabilities: ModelCapabilities
  /** `format`, `family`, `parameter_size`, `quantization_level` as Ollama reports them; empty for cloud models. */
  readonly details: Readonly<Record<string, unknown>>
  readonly sizeBytes: number | null
  readonly isFree: boolean
  readonly showInUi: boolean
  readonly autoPreload: boolean
  readonly labels: Readonly<Record<string, unknown>>
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
}

/** Friendly name → target. At most one of tenantId and tier is set; neither = platform. */
export interface Alias {
  readonly id: string
  readonly tenantId: string | null
  readonly tier: string | null
  readonly name: string
  readonly target: string
}
