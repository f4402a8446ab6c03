import { createHmac } from 'node:crypto'
import { factBody, testBody, type BudgetFact } from './event'
import { MOST_ATTEMPTS, pauseMs } from './retry'
import { secretOf, signedHeaders } from './signature'

const FACT: BudgetFact = { type: 'budget.soft_exceeded', tenantId: 't', tenantSlug: 'acme', scope: 'key:k', period: 'day:2026-11-21', thresholdPico: 5n, softPico: 5n * 10n ** 11n, spentPico: 6n * 10n ** 11n, limitPico: null, currency: 'EUR', resetsAtMs: Date.UTC(2026, 10, 22) }

describe('bodies', () => {
  it('tell what happened, to whom and by how much', () => {
    expect(JSON.parse(factBody('e', Date.UTC(2026, 10, 21), FACT))).toEqual({
      id: 'e', type: 'budget.soft_exceeded', created_at: '2026-11-21T00:00:00.000Z', tenant: 'acme',
      data: { scope: 'key:k', period: 'day:2026-11-21', soft_budget: '0.5', spent: '0.6', limit: null, currency: 'EUR', resets_at: '2026-11-22T00:00:00.000Z' },
    })
  })

  it('of credit have no period and no reset', () => {
    const { data } = JSON.parse(factBody('e', 0, { ...FACT, type: 'credit.low', scope: 'credit', period: 'always', softPico: null, limitPico: 10n ** 12n, resetsAtMs: null })) as { data: object }
    expect(data).toEqual({ scope: 'credit', period: null, soft_budget: null, spent: '0.6', limit: '1', currency: 'EUR', resets_at: null })
  })

  it('of a test hold nothing', () => expect(JSON.parse(testBody('e', 0, null))).toEqual({ id: 'e', type: 'webhook.test', created_at: '1970-01-01T00:00:00.000Z', tenant: null, data: {} }))
})

describe('signatures', () => {
  it('are those of the Standard Webhooks specification', () => {
    // The specification's own example.
    const headers = signedHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_999, '{"test": 2432232314}')
    expect(headers).toEqual({ 'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' })
  })

  it('are made with the key inside the secret, not with its text', () => {
    const key = Buffer.alloc(32, 7)
    const expected = createHmac('sha256', key).update('e.1.{}').digest('base64')
    expect(signedHeaders(secretOf(key), 'e', 1_000, '{}')['webhook-signature']).toBe(`v1,${expected}`)
  })
})

describe('pauses between attempts', () => {
  it('begin with seconds, end with half a day, and then it is given up', () => {
    expect(pauseMs(1, 127)).toBeLessThan(6_000)
    expect(pauseMs(MOST_ATTEMPTS - 1, 128)).toBeGreaterThan(11 * 3_600_000)
    expect(pauseMs(MOST_ATTEMPTS, 0)).toBeNull()
  })

  it('grow whatever chance says, and differ by it', () => {
    for (let attempts = 1; attempts < MOST_ATTEMPTS - 1; attempts++) expect(pauseMs(attempts + 1, 0)!).toBeGreaterThan(pauseMs(attempts, 255)!)
    expect(pauseMs(1, 0)).toBe(4_000)
    expect(pauseMs(1, 255)).toBe(6_000)
  })
})
