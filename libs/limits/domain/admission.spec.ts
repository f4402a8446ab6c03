import { budgetsTold, parseAnswer, refusalOf, type AdmissionAnswer, type Asked } from './admission'
import { ALWAYS } from './period'
import type { CallScopes } from './scopes'

const period = { id: 'month:2026-11', startsAtMs: Date.UTC(2026, 10, 1), endsAtMs: Date.UTC(2026, 11, 1) }
const SCOPES: CallScopes = {
  limiters: [
    { redisKey: 'a', rule: 'standard tier', requestsPerMinute: 10, tokensPerMinute: 100, maxParallel: 2 },
    { redisKey: 'b', rule: 'API key', requestsPerMinute: 5, tokensPerMinute: null, maxParallel: null },
  ],
  budgets: [
    { redisKey: 'c', scope: 'tenant', rule: 'tenant budget', maxPico: 10n ** 12n, period },
    { redisKey: 'd', scope: 'credit', rule: 'prepaid credit', maxPico: 10n ** 12n, period: ALWAYS },
  ],
}
const ASKED: Asked = { tokens: 500, estimatePico: 250_000_000n, currency: 'EUR' }

describe('answers of the admission script', () => {
  it.each<[unknown[], AdmissionAnswer]>([
    [['OK', 5, 3, 40, 10, 100], { code: 'OK', nowMs: 5, headroom: { requests: { limit: 10, remaining: 3 }, tokens: { limit: 100, remaining: 40 } }, standings: [] }],
    [['OK', 5, -1, -1, -1, -1, '7', '9007199254740992'], { code: 'OK', nowMs: 5, headroom: { requests: null, tokens: null }, standings: [{ usedNano: 7, reservedNano: 9007199254740992 }] }],
    [['OK', 5, 0, 0, 10, 100], { code: 'OK', nowMs: 5, headroom: { requests: { limit: 10, remaining: 0 }, tokens: { limit: 100, remaining: 0 } }, standings: [] }],
    [['RATE', 2, 'tokens', 100, 90, 1500], { code: 'RATE', index: 1, unit: 'tokens', limit: 100, used: 90, waitMs: 1500 }],
    [['PARALLEL', 1, 2, 2], { code: 'PARALLEL', index: 0, limit: 2, used: 2 }],
    [['BUDGET', 1, '9000000000000000', '1', '0'], { code: 'BUDGET', index: 0, limitNano: 9_000_000_000_000_000n, usedNano: 1n, reservedNano: 0n }],
    [['LOAD', 2], { code: 'LOAD', index: 1 }],
    [['PERIOD', 1, 77], { code: 'PERIOD', nowMs: 77 }],
    [['GRACE', 2400], { code: 'GRACE', waitMs: 2400 }],
    [['BORN'], { code: 'BORN' }],
    [['REVOKED'], { code: 'REVOKED' }],
    [['EPOCH'], { code: 'EPOCH' }],
    [['DUP'], { code: 'DUP' }],
  ])('%j', (reply, answer) => expect(parseAnswer(reply)).toEqual(answer))

  it.each([[['WHAT']], [[]], [['ok']]])('an unknown one is a fault, never an admission: %j', (reply) => expect(() => parseAnswer(reply)).toThrow('admission answered'))
})

describe('refusals', () => {
  const refusal = (reply: unknown[]) => refusalOf(parseAnswer(reply), SCOPES, ASKED)

  it('of a rate name rule, limit, use and wait', () => {
    expect(refusal(['RATE', 2, 'requests', 5, 5, 1_001])).toMatchObject({ code: 'rate_limit_exceeded', status: 429, retryAfterSeconds: 2, details: { rule: 'API key', unit: 'requests', limit: 5, used: 5, requested: 1, reset_seconds: 2 } })
  })

  it('of tokens never ask for more than the limit, since a call larger than it takes all of it', () => {
    expect(refusal(['RATE', 1, 'tokens', 100, 90, 0])).toMatchObject({ retryAfterSeconds: 1, details: { requested: 100 } })
    // Worth a retry all the same.
    expect(refusal(['RATE', 2, 'requests', 5, 5, 60_400])).toMatchObject({ retryAfterSeconds: 60, shouldRetry: undefined, details: { reset_seconds: 61 } })
  })

  it('of calls in flight say to come back soon', () => {
    expect(refusal(['PARALLEL', 1, 2, 2])).toMatchObject({ code: 'concurrency_limit_exceeded', status: 429, retryAfterSeconds: 1, details: { limit: 2, used: 2 } })
  })

  it('of a budget name limit, used, reserved, requested and reset in decimals, and tell clients not to retry', () => {
    const found = refusal(['BUDGET', 1, '1000000000', '900000001', '99999999'])
    expect(found).toMatchObject({ code: 'budget_exceeded', status: 429, shouldRetry: false })
    expect(found!.details).toEqual({ rule: 'tenant budget', limit: '1', used: '0.900000001', reserved: '0.099999999', currency: 'EUR', requested: '0.00025', period: 'month:2026-11', resets_at: '2026-12-01T00:00:00.000Z' })
    expect(found!.message).toBe('Budget reached: 1 EUR per month (tenant budget). Used 0.900000001, reserved 0.099999999, this request may cost up to 0.00025. It resets at 2026-12-01T00:00:00.000Z.')
  })

  it('of prepaid credit are 402, name the same, and no reset', () => {
    const found = refusal(['BUDGET', 2, '1000000000', '900000001', '99999999'])
    expect(found).toMatchObject({ code: 'insufficient_credit', status: 402, shouldRetry: false })
    expect(found!.details).toEqual({ rule: 'prepaid credit', limit: '1', used: '0.900000001', reserved: '0.099999999', currency: 'EUR', requested: '0.00025', resets_at: null })
    expect(found!.message).toBe('Prepaid credit does not cover this request: 1 EUR granted, 0.900000001 used, 0.099999999 reserved; it may cost up to 0.00025. Add credit to go on.')
  })

  it('are foretold: an explanation names of each budget what a refusal would', () => {
    const { scopes, standings } = { scopes: SCOPES.budgets, standings: [{ usedNano: 900_000_001, reservedNano: 99_999_999 }, { usedNano: 0, reservedNano: 1 }] }
    const { requested: _asked, currency: _of, period: _id, ...denied } = refusal(['BUDGET', 1, '1000000000', '900000001', '99999999'])!.details
    expect(budgetsTold({ scopes, standings })).toEqual([{ budget: 'tenant|month:2026-11', ...denied }, { budget: 'credit|always', rule: 'prepaid credit', limit: '1', used: '0', reserved: '0.000000001', resets_at: null }])
    expect(budgetsTold({ scopes: [{ ...scopes[0]!, maxPico: null }], standings: [] })).toEqual([{ budget: 'tenant|month:2026-11', rule: 'tenant budget', limit: null, used: null, reserved: null, resets_at: '2026-12-01T00:00:00.000Z' }])
  })

  it('leave no place of their sentence unfilled', () => {
    for (const reply of [['RATE', 1, 'requests', 1, 1, 1], ['PARALLEL', 1, 2, 2], ['BUDGET', 1, '1', '1', '1'], ['BUDGET', 2, '1', '1', '1'], ['GRACE', 1], ['REVOKED'], ['DUP']]) expect(refusal(reply)!.message).not.toMatch(/[{}]/)
  })

  it.each([[['GRACE', 2_400], 3], [['BORN'], 1], [['LOAD', 1], 1], [['PERIOD', 1, 1], 1]])('of infrastructure are 503, never 401, 402 or 403: %j', (reply, retryAfterSeconds) => {
    expect(refusal(reply)).toMatchObject({ code: 'limits_unavailable', status: 503, retryAfterSeconds })
  })

  it('of a request id that was admitted before is 409: it came with an Idempotency-Key', () => expect(refusal(['DUP'])).toMatchObject({ code: 'idempotency_in_progress', status: 409, retryAfterSeconds: 1 }))
  it('of a revoked key is 401', () => expect(refusal(['REVOKED'])!.status).toBe(401))
  it('are none for OK and EPOCH', () => expect([refusal(['OK', 1, 1, 1, 1, 1]), refusal(['EPOCH'])]).toEqual([null, null]))
})
