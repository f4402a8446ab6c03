import type { BudgetTerms, Caller } from '@tollgate/kernel'

/** A key with its tenant and projects, as the look-up function of migration 0003 answers it (since 0016 with credit). */
export interface KeyRecord {
  readonly key: {
    readonly id: string
    readonly public_id: string
    readonly key_hash: string
    readonly pepper_version: number
    readonly name: string
    readonly project_id: string | null
    readonly allowed_models: string[] | null
    readonly allowed_regions: string[] | null
    readonly rpm_limit: number | null
    readonly tpm_limit: number | null
    readonly max_parallel_requests: number | null
    readonly max_budget_pico: string | null
    readonly soft_budget_pico: string | null
    readonly budget_duration: BudgetTerms['duration']
    readonly ip_cidrs: string[] | null
    readonly scopes: string[]
    readonly expires_at: string | null
    readonly revoked_at: string | null
    readonly last_used_on: string | null
  }
  readonly tenant: {
    readonly id: string
    readonly slug: string
    readonly tier: string
    readonly home_region: string
    readonly allowed_regions: string[]
    readonly preferred_model: string | null
    readonly currency: string
    readonly time_zone: string
    readonly former_zones: readonly { readonly zone: string; readonly until: string }[]
    readonly billing: 'prepaid' | 'postpaid'
    readonly max_budget_pico: string | null
    readonly soft_budget_pico: string | null
    readonly budget_duration: BudgetTerms['duration']
    /** Sum of the grants of a prepaid tenant; null = postpaid. */
    readonly credit_pico: string | null
    readonly replays_answers: boolean
    readonly bucket: number
    readonly auth_epoch: number
    readonly is_suspended: boolean
  }
  readonly projects: {
    readonly id: string
    readonly slug: string
    readonly default_model: string | null
    readonly allowed_models: string[] | null
    readonly max_budget_pico: string | null
    readonly soft_budget_pico: string | null
    readonly budget_duration: BudgetTerms['duration']
  }[]
}

/** The caller a record stands for. */
export function callerOf(record: KeyRecord): Caller {
  const { key, tenant, projects } = record
  return {
    tenant: {
      id: tenant.id,
      slug: tenant.slug,
      tier: tenant.tier,
      homeRegion: tenant.home_region,
      allowedRegions: tenant.allowed_regions,
      preferredModel: tenant.preferred_model,
      currency: tenant.currency,
      timeZone: tenant.time_zone,
      formerZones: tenant.former_zones.map(({ zone, until }) => ({ zone, untilMs: Date.parse(until) })),
      billing: tenant.billing,
      budget: terms(tenant.max_budget_pico, tenant.soft_budget_pico, tenant.budget_duration),
      creditPico: tenant.credit_pico === null ? null : BigInt(tenant.credit_pico),
      replaysAnswers: tenant.replays_answers,
      bucket: tenant.bucket,
      authEpoch: tenant.auth_epoch,
    },
    key: {
      id: key.id,
      name: key.name,
      projectId: key.project_id,
      allowedModels: key.allowed_models,
      allowedRegions: key.allowed_regions,
      requestsPerMinute: key.rpm_limit,
      tokensPerMinute: key.tpm_limit,
      maxParallel: key.max_parallel_requests,
      budget: terms(key.max_budget_pico, key.soft_budget_pico, key.budget_duration),
      scopes: key.scopes,
    },
    projects: projects.map((project) => ({
      id: project.id,
      slug: project.slug,
      defaultModel: project.default_model,
      allowedModels: project.allowed_models,
      budget: terms(project.max_budget_pico, project.soft_budget_pico, project.budget_duration),
    })),
  }
}

/** Is the key usable at an instant? A key that is revoked, expired or of a suspended tenant is not. */
export function isUsable(record: KeyRecord, nowMs: number): boolean {
  const { key } = record
  return key.revoked_at === null && (key.expires_at === null || Date.parse(key.expires_at) > nowMs)
}

function terms(maxPico: string | null, softPico: string | null, duration: BudgetTerms['duration']): BudgetTerms {
  return { maxPico: maxPico === null ? null : BigInt(maxPico), softPico: softPico === null ? null : BigInt(softPico), duration }
}
