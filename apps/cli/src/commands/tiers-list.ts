import type { Command } from '../command'
import { table } from '../table'

interface Tier {
  readonly slug: string
  readonly version: number
  readonly rpm_limit: number | null
  readonly tpm_limit: number | null
  readonly max_parallel_requests: number | null
  readonly max_budget: string | null
  readonly soft_budget: string | null
  readonly budget_duration: string
  readonly models: readonly string[]
}

export const tiersList: Command = {
  name: 'tiers list',
  args: [],
  summary: 'tiers with their limits and models; `tollgate config apply` changes them',
  async run({ api, show }) {
    const tiers = await api.list<Tier>('/admin/tiers')
    const rows = tiers.map((tier) => [tier.slug, String(tier.version), limit(tier.rpm_limit), limit(tier.tpm_limit), limit(tier.max_parallel_requests), budgetOf(tier), tier.models.join(' ')])
    show(tiers, table(['TIER', 'V', 'RPM', 'TPM', 'PARALLEL', 'BUDGET', 'MODELS'], rows))
  },
}

function limit(value: number | null): string {
  return value === null ? '-' : String(value)
}

function budgetOf({ max_budget: hard, soft_budget: soft, budget_duration: period }: Tier): string {
  if (hard === null && soft === null) return 'none'
  return hard === null ? `soft ${soft}/${period}` : `${hard}/${period}`
}
