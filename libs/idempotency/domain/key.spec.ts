import fc from 'fast-check'
import { canonicalJson, fingerprint, keyHashOf } from './key'
import { alreadyCompleted, isUnbilled, type BookedCall } from './call-outcome'
import { standingOf, type KeyRecord } from './key-record'

describe('a key', () => {
  it.each(['a', '~', '!', 'x'.repeat(255), '8e03978e-40d5-43dd-bc93-6894a57f9324', '"quoted"'])('may be %j', (key) => expect(keyHashOf(key)).toHaveLength(32))

  it.each(['', ' ', 'a b', 'a, b', 'x'.repeat(256), 'é', '\u007f', '\u0000', 'a\n', undefined, ['a', 'b']])('may not be %j: 400 that names the header', (key) => {
    expect(keyHashOf(key)).toMatchObject({ status: 400, message: expect.stringContaining('Idempotency-Key'), details: { param: 'Idempotency-Key' } })
  })

  it('is kept as its hash, so that different keys stay different', () => expect(keyHashOf('a')).not.toEqual(keyHashOf('b')))
})

/** The same value with the fields of each object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).reverse().map(([name, field]) => [name, shuffled(field)]))
}

describe('the fingerprint of a body', () => {
  it('is the same whatever the order of fields', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => expect(fingerprint(shuffled(value))).toEqual(fingerprint(value))))
  })

  it('is of canonical text that reads back as the same value', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))))
  })

  it.each<[unknown, unknown]>([
    [{ a: 1 }, { a: '1' }],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: null }, {}],
    [{ a: { b: 1 }, c: 1 }, { a: { b: 1, c: 1 } }],
    [JSON.parse('{"__proto__": 1}'), {}],
    [{ message: 'a' }, { message: 'a ' }],
  ])('tells %j from %j', (one, other) => expect(fingerprint(one)).not.toEqual(fingerprint(other)))
})

const record = (over: Partial<KeyRecord> = {}): KeyRecord => ({ bodyHash: fingerprint('body'), rid: 'r', owner: 'r', isLeased: false, isExpired: false, outcome: null, ...over })

describe('a record', () => {
  it.each<[string, Partial<KeyRecord>, string]>([
    ['running', { isLeased: true }, 'running'],
    ['over, also while a lease is left', { isLeased: true, outcome: '{}' }, 'ended'],
    ['abandoned once nobody vouches for it', {}, 'abandoned'],
    ['free after its time', { isExpired: true, outcome: '{}' }, 'free'],
    ['not free while it still runs', { isExpired: true, isLeased: true }, 'running'],
    ['reused with another body, however it stands', { bodyHash: fingerprint('other'), isLeased: true, outcome: '{}' }, 'reused'],
  ])('is %s', (_, over, standing) => expect(standingOf(record(over), fingerprint('body'))).toBe(standing))

  it('with another body is free too, after its time', () => expect(standingOf(record({ isExpired: true }), fingerprint('other'))).toBe('free'))
})

const booked = (over: Partial<BookedCall> = {}): BookedCall => ({ isFinal: true, status: 'failed', finishReason: null, promptTokens: 5, completionTokens: 3, costPico: '0', currency: 'EUR', ...over })

describe('a call in the books', () => {
  it.each<[string, Partial<BookedCall>, boolean]>([
    ['failed and billed nothing', {}, true],
    ['left by its client before a word came', { status: 'aborted' }, true],
    ['billed for what was delivered', { status: 'aborted', costPico: '1' }, false],
    ['completed for nothing, by a free model', { status: 'completed' }, false],
    ['swept at nothing: a gateway that stalled may still settle it', { status: 'swept', isFinal: false }, false],
  ])('%s: may be tried again under its key: %#', (_, over, isFree) => expect(isUnbilled(booked(over))).toBe(isFree))

  it('is told with its bill and without its text, and not to be retried', () => {
    expect(alreadyCompleted('r', booked({ status: 'swept', isFinal: false, costPico: '1500000000', finishReason: null }))).toMatchObject({
      status: 409,
      code: 'already_completed',
      shouldRetry: false,
      details: { original: { request_id: 'r', status: 'aborted', finish_reason: null, usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 }, cost: '0.0015', currency: 'EUR' } },
    })
  })
})
