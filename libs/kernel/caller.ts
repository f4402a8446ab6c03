/** Money a scope may spend in a period. Null = no limit. `maxPico` refuses; `softPico` never does, it only tells (webhooks). */
export interface BudgetTerms {
  readonly maxPico: bigint | null
  readonly softPico: bigint | null
  readonly duration: 'day' | 'week' | 'month'
}

/** A department, team or app of a tenant (product.md 1). */
export interface CallerProject {
  readonly id: string
  readonly slug: string
  readonly defaultModel: string | null
  readonly allowedModels: readonly string[] | null
  readonly budget: BudgetTerms
}

/** The API key a call came with: it narrows its tier, never widens it. */
export interface CallerKey {
  readonly id: string
  readonly name: string
  readonly projectId: string | null
  readonly allowedModels: readonly string[] | null
  readonly allowedRegions: readonly string[] | null
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly maxParallel: number | null
  readonly budget: BudgetTerms
  readonly scopes: readonly string[]
}

/** A time zone that a tenant had until an instant. */
export interface FormerZone {
  readonly zone: string
  readonly untilMs: number
}

/** The tenant a call belongs to; it comes from the credential only, never from a body. */
export interface CallerTenant {
  readonly id: string
  readonly slug: string
  readonly tier: string
  readonly homeRegion: string
  readonly allowedRegions: readonly string[]
  readonly preferredModel: string | null
  readonly currency: string
  readonly timeZone: string
  /** Zones it had before, oldest first, each with the instant it was left: a change counts from the next budget period. */
  readonly formerZones: readonly FormerZone[]
  readonly billing: 'prepaid' | 'postpaid'
  readonly budget: BudgetTerms
  /** All that was ever granted to a prepaid tenant, less what was taken back; null = postpaid, no credit is asked for. */
  readonly creditPico: bigint | null
  /** It opted in to have whole answers of keyed calls kept and given again. */
  readonly replaysAnswers: boolean
  /** One of 64 virtual shards (metering.md): all Redis keys of the tenant carry its hash tag. */
  readonly bucket: number
  /** Raised by every change that must be seen by the next admission (tier, suspension, limits). */
  readonly authEpoch: number
}

/** Who is calling, as the guard on the door established it. */
export interface Caller {
  readonly tenant: CallerTenant
  readonly key: CallerKey
  readonly projects: readonly CallerProject[]
}

/** Hash tag of a tenant's bucket, e.g. `{b07}`: keeps every script of the tenant on one Redis Cluster slot. */
export function bucketTag(bucket: number): string {
  return `{b${String(bucket).padStart(2, '0')}}`
}
