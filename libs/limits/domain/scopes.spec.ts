import type { BudgetTerms, Caller, CallerProject } from '@tollgate/kernel'
import { ALWAYS } from './period'
import { scopesOf, standingScopes, tenantTerms, type TierLimits } from './scopes'

const terms = (maxPico: bigint | null, softPico: bigint | null, duration: BudgetTerms['duration'] = 'month'): BudgetTerms => ({ maxPico, softPico, duration })
const NONE = terms(null, null)
const NOW = Date.UTC(2026, 10, 21, 12)

const PROJECT: CallerProject = { id: 'p', slug: 'web', defaultModel: null, allowedModels: null, budget: NONE }
const TIER: TierLimits = { slug: 'standard', requestsPerMinute: null, tokensPerMinute: null, maxParallel: null, budget: terms(50n, null) }

function caller(over: { tenant?: Partial<Caller['tenant']>; key?: BudgetTerms } = {}): Caller {
  return {
    tenant: { id: 't', slug: 't', tier: 'standard', homeRegion: 'r', allowedRegions: ['r'], preferredModel: null, currency: 'USD', timeZone: 'UTC', formerZones: [], billing: 'postpaid', budget: NONE, creditPico: null, bucket: 7, replaysAnswers: false, authEpoch: 1, ...over.tenant },
    key: { id: 'k', name: 'k', projectId: null, allowedModels: null, allowedRegions: null, requestsPerMinute: null, tokensPerMinute: null, maxParallel: null, budget: over.key ?? NONE, scopes: ['chat'] },
    projects: [PROJECT],
  }
}
const budgets = (one: Caller, project: CallerProject | null = null) => scopesOf(one, TIER, project, NOW).budgets.map(({ scope, maxPico, rule, period }) => [scope, maxPico, rule, period.id])

describe('terms of a tenant', () => {
  it.each<[string, BudgetTerms, BudgetTerms, BudgetTerms]>([
    ['are its tier’s while it has none', NONE, terms(50n, 40n, 'week'), terms(50n, 40n, 'week')],
    ['are its own limit with its own period and soft budget', terms(9n, null, 'day'), terms(50n, 40n, 'month'), terms(9n, null, 'day')],
    ['keep the tier’s limit and period under a soft budget of its own', terms(null, 5n, 'day'), terms(50n, 40n, 'month'), terms(50n, 5n, 'month')],
    ['take the soft budget’s own period where nothing is limited', terms(null, 5n, 'day'), terms(null, 40n, 'month'), terms(null, 5n, 'day')],
  ])('%s', (_name, own, tier, expected) => expect(tenantTerms(own, tier)).toEqual(expected))
})

describe('budgets of a call', () => {
  it('are the tenant’s always, those of project and key when they have any, hard or soft', () => {
    expect(budgets(caller())).toEqual([['tenant', 50n, 'standard tier', 'month:2026-11']])
    expect(budgets(caller({ key: terms(null, 3n, 'day') }), { ...PROJECT, budget: terms(null, 4n) })).toEqual([
      ['tenant', 50n, 'standard tier', 'month:2026-11'],
      ['project:p', null, 'project web', 'month:2026-11'],
      ['key:k', null, 'API key', 'day:2026-11-21'],
    ])
  })

  it('of a prepaid tenant end with its credit, which never resets', () => {
    const found = standingScopes(caller({ tenant: { billing: 'prepaid', creditPico: 12n, budget: terms(9n, null) } }), TIER, null, NOW)
    expect(found.budgets.at(-1)).toEqual({ redisKey: '{b07}:bud:t:credit:always', scope: 'credit', rule: 'prepaid credit', maxPico: 12n, period: ALWAYS })
    expect(found.budgetNames).toEqual(['tenant|month:2026-11', 'credit|always'])
    // They hold until the month ends: the credit's period bounds nothing.
    expect([found.fromMs, found.untilMs]).toEqual([Date.UTC(2026, 10, 1), Date.UTC(2026, 11, 1)])
  })

  it('of a prepaid tenant without a grant have a credit of nothing, not no limit', () => {
    expect(budgets(caller({ tenant: { billing: 'prepaid', creditPico: 0n } })).at(-1)).toEqual(['credit', 0n, 'prepaid credit', 'always'])
  })
})
