import fc from 'fast-check'
import { decimalFromPico, nanoCeil, perMillionFromPico, picoFromDecimal, picoPerTokenFromPerMillion } from './money'

/** A decimal text as an exact fraction, by a way of its own: digits over a power of ten. */
function fraction(text: string): { top: bigint; bottom: bigint } {
  const [whole, decimals = ''] = text.replace('-', '').split('.')
  return { top: BigInt(whole + decimals) * (text.startsWith('-') ? -1n : 1n), bottom: 10n ** BigInt(decimals.length) }
}

const decimal = (wholeDigits: number, decimals: number) =>
  fc.tuple(fc.integer({ min: 0, max: 10 ** wholeDigits - 1 }), fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: decimals })).map(([whole, part]) => (part === '' ? `${whole}` : `${whole}.${part}`))
const price = decimal(7, 6)
const RUNS = { numRuns: 2_000 }

describe('prices', () => {
  it('cost of any tokens at any price of six decimals is exact', () => {
    fc.assert(
      fc.property(price, fc.integer({ min: 0, max: 10_000_000 }), (text, tokens) => {
        const { top, bottom } = fraction(text)
        // price ÷ 10⁶ × tokens = cost ÷ 10¹², cross-multiplied
        expect(picoPerTokenFromPerMillion(text)! * BigInt(tokens) * bottom * 10n ** 6n).toBe(top * BigInt(tokens) * 10n ** 12n)
      }),
      RUNS,
    )
  })

  it('go there and back', () => {
    fc.assert(
      fc.property(price, (text) => {
        const back = perMillionFromPico(picoPerTokenFromPerMillion(text)!)
        const [a, b] = [fraction(back), fraction(text)]
        expect(a.top * b.bottom).toBe(b.top * a.bottom)
        expect(picoPerTokenFromPerMillion(back)).toBe(picoPerTokenFromPerMillion(text))
      }),
      RUNS,
    )
  })

  it.each(['0.0000001', '1.1234567', '-1', '-0', '+1', 'NaN', 'Infinity', '', '.', '1.', '.5', '1e3', '0x1', '1,5', '1_0', ' 1', '1 ', '1\n', '١', '12345678', '1.2.3'])('refuses %j', (text) => {
    expect(picoPerTokenFromPerMillion(text)).toBeNull()
  })

  it('0.0025 a million is 2 500 pico a token', () => expect(picoPerTokenFromPerMillion('0.0025')).toBe(2_500n))
})

describe('amounts', () => {
  it('are written so that they read back as the same pico', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 21n - 1n }), (pico) => expect(picoFromDecimal(decimalFromPico(pico))).toBe(pico)), RUNS)
  })

  it('equal the decimal they were read from', () => {
    fc.assert(
      fc.property(decimal(9, 12), (text) => {
        const { top, bottom } = fraction(text)
        expect(picoFromDecimal(text)! * bottom).toBe(top * 10n ** 12n)
      }),
      RUNS,
    )
  })

  it('below zero keep their sign, as corrections do', () => {
    fc.assert(fc.property(fc.bigInt({ min: 1n, max: 10n ** 21n }), (pico) => expect(decimalFromPico(-pico)).toBe(`-${decimalFromPico(pico)}`)))
    expect(decimalFromPico(0n)).toBe('0')
    expect(decimalFromPico(-1n)).toBe('-0.000000000001')
  })

  it.each(['0.0000000000001', '-1', 'NaN', 'Infinity', '', '1e3', '1.', '.1', '1234567890', '1 000', '1\n'])('refuses %j', (text) => {
    expect(picoFromDecimal(text)).toBeNull()
  })

  it('no float drifts: 0.1 + 0.2 is 0.3', () => expect(decimalFromPico(picoFromDecimal('0.1')! + picoFromDecimal('0.2')!)).toBe('0.3'))
})

describe('nano for Redis', () => {
  it('is rounded up by less than one, so a budget is never passed by rounding', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 9n * 10n ** 18n }), (pico) => {
        const nano = BigInt(nanoCeil(pico))
        expect(nano * 1000n).toBeGreaterThanOrEqual(pico)
        expect(nano * 1000n).toBeLessThan(pico + 1000n)
      }),
      RUNS,
    )
  })

  it('is a safe integer up to nine million units', () => expect(Number.isSafeInteger(nanoCeil(9_000_000n * 10n ** 12n))).toBe(true))
})
