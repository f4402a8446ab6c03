import type { Gateway } from '../gateway'

/** A model as `GET /models` lists it, as far as it is read here. */
export interface KnownModel {
  readonly name: string
  readonly aliases: readonly string[]
  readonly provider: string
  readonly regions: readonly string[]
  readonly size: number | null
  readonly description: string
  readonly status: string
  readonly capabilities: { readonly context_length: number | null }
  readonly price: { readonly free?: boolean; readonly currency?: string; readonly input_per_million?: string; readonly output_per_million?: string } | null
  readonly stats: { readonly requests: number; readonly success_rate: number | null; readonly avg_latency_ms: number | null }
}

/** What an API key may use, and which of them it gets when it names none. */
export interface KnownModels {
  readonly models: readonly KnownModel[]
  readonly default_model?: string | null
}

export function modelsOf(gateway: Gateway): Promise<KnownModels> {
  return gateway.json('GET', '/models')
}

/** The model of a name or alias; undefined = not one of them. */
export function find(models: readonly KnownModel[], name: string): KnownModel | undefined {
  const wanted = name.replace(/:latest$/, '')
  return models.find((model) => model.name === wanted) ?? models.find(({ aliases }) => aliases.includes(wanted))
}

/** Models with how they fared, the current one marked, and the aliases: what `/models` prints. */
export function listing(models: readonly KnownModel[], current: string | null): string {
  const lines = models.map(({ name, stats }) => `  • ${name}${name === current ? ' (current)' : ''}${faredText(stats)}`)
  const aliases = models.flatMap(({ name, aliases: names }) => names.map((alias) => `  ${alias} → ${name}`)).sort()
  return [...(lines.length > 0 ? ['Available models:', ...lines] : ['No model is available to this key.']), ...(aliases.length > 0 ? ['Aliases:', ...aliases] : [])].join('\n')
}

/** ` (95% success, 200ms avg)`; nothing of a model that was never used. */
export function faredText({ success_rate: rate, avg_latency_ms: ms }: KnownModel['stats']): string {
  return rate === null || ms === null ? '' : ` (${Math.round(rate * 100)}% success, ${ms}ms avg)`
}
