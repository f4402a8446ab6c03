import { crossingsOf, type WatchedSum } from './thresholds'

const NONE = { maxPico: null, softPico: null, duration: 'month' } as const
const SUM: WatchedSum = {
  tenantId: 't', tenantSlug: 'acme', currency: 'EUR', scope: 'tenant', period: 'month:2026-11', endsAtMs: 5, spentPico: 70n, refusedLimitPico: null,
  tenant: { maxPico: 100n, softPico: 60n, duration: 'month' }, tier: NONE, own: null, credit: null,
}
const passed = (over: Partial<WatchedSum>) => crossingsOf({ ...SUM, ...over }).map(({ kind, thresholdPico }) => [kind, thresholdPico])

describe('thresholds of a budget', () => {
  it('are told with all a receiver needs', () => {
    expect(crossingsOf(SUM)).toEqual([{ kind: 'soft_exceeded', tenantId: 't', tenantSlug: 'acme', currency: 'EUR', scope: 'tenant', period: 'month:2026-11', resetsAtMs: 5, thresholdPico: 60n, softPico: 60n, limitPico: 100n, spentPico: 70n }])
  })

  it.each<[string, Partial<WatchedSum>, unknown[]]>([
    ['a soft budget is exceeded by more than itself', { spentPico: 60n }, []],
    ['a soft budget of nothing by the first unit', { spentPico: 1n, tenant: { ...NONE, softPico: 0n } }, [['soft_exceeded', 0n]]],
    ['a limit is exhausted when it is spent', { spentPico: 100n }, [['soft_exceeded', 60n], ['exhausted', 100n]]],
    ['or when a call was refused for it', { refusedLimitPico: 100n }, [['soft_exceeded', 60n], ['exhausted', 100n]]],
    ['but not when it was refused at another limit', { refusedLimitPico: 90n }, [['soft_exceeded', 60n]]],
    ['a limit of nothing only when something was refused', { spentPico: 0n, tenant: { ...NONE, maxPico: 0n } }, []],
    ['a limit of nothing that refused', { spentPico: 0n, refusedLimitPico: 0n, tenant: { ...NONE, maxPico: 0n } }, [['exhausted', 0n]]],
    ['a limit below what is spent is exhausted at once', { spentPico: 70n, tenant: { ...NONE, maxPico: 10n } }, [['exhausted', 10n]]],
    ['a period of another length is over', { period: 'day:2026-11-21' }, []],
    ['the tier’s terms count while the tenant has none', { tenant: NONE, tier: { maxPico: 70n, softPico: null, duration: 'month' } }, [['exhausted', 70n]]],
    ['a project or key has its own terms', { scope: 'key:k', own: { maxPico: null, softPico: 50n, duration: 'month' } }, [['soft_exceeded', 50n]]],
    ['a project or key that is gone has none', { scope: 'project:p' }, []],
  ])('%s', (_name, over, expected) => expect(passed(over)).toEqual(expected))
})

describe('thresholds of credit', () => {
  const credit = (spentPico: bigint, grantedPico: bigint, lastPico: bigint | null, over: Partial<WatchedSum> = {}) => passed({ scope: 'credit', period: 'always', spentPico, credit: { grantedPico, lastPico }, ...over })

  it.each<[string, unknown[], unknown[]]>([
    ['more than a fifth of the latest grant is left', credit(79n, 100n, 100n), []],
    ['a fifth is left', credit(80n, 100n, 100n), [['low', 80n]]],
    ['all is spent', credit(100n, 100n, 100n), [['low', 80n], ['exhausted', 100n]]],
    ['a top-up raises both thresholds', credit(100n, 150n, 50n), []],
    ['and is low by its own size, not by what was granted in all', credit(140n, 150n, 50n), [['low', 140n]]],
    ['a call was refused', credit(97n, 100n, 100n, { refusedLimitPico: 100n }), [['low', 80n], ['exhausted', 100n]]],
    ['nothing was ever granted', credit(0n, 0n, null), []],
    ['nothing was ever granted, and a call was refused', credit(0n, 0n, null, { refusedLimitPico: 0n }), [['exhausted', 0n]]],
  ])('%s', (_name, found, expected) => expect(found).toEqual(expected))

  it('never reset, and are none of a tenant that is not prepaid', () => {
    expect(crossingsOf({ ...SUM, scope: 'credit', period: 'always', spentPico: 100n, credit: { grantedPico: 100n, lastPico: 100n } }).map(({ resetsAtMs }) => resetsAtMs)).toEqual([null, null])
    expect(passed({ scope: 'credit', period: 'always', spentPico: 100n })).toEqual([])
  })
})
