import { matchesAny, type BudgetTerms } from '@tollgate/kernel'

/** A named, versioned class of rights and limits. Null limits mean unlimited; an empty region list means all. */
export interface Tier {
  readonly slug: string
  readonly version: number
  readonly name: string
  readonly models: readonly string[]
  readonly deniedModels: readonly string[]
  readonly regions: readonly string[]
  readonly features: Readonly<Record<string, unknown>>
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly maxParallel: number | null
  readonly queueWeight: number
  readonly maxOutputTokens: number
  readonly budget: BudgetTerms
  readonly defaultModel: string | null
  readonly cutStreamPolicy: 'none' | 'delivered'
}

/** May this tier use a model (canonical name)? Denials beat grants. */
export function permits(tier: Tier, model: string): boolean {
  return matchesAny(tier.models, model) && !matchesAny(tier.deniedModels, model)
}
