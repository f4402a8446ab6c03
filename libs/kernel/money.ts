/**
 * Money is a bigint of pico units (10⁻¹² of the tenant's currency) from price row to ledger; no float ever holds it.
 * A price of at most six decimals per million tokens is therefore an exact number of pico per token.
 */
export type Pico = bigint

/** The most one call may be charged, or cost the operator: what a ledger row holds (metering.md, Money). 100 000 units. */
export const MOST_CHARGE_PICO: Pico = 10n ** 17n

const PICO_DIGITS = 12
const DECIMAL = /^(\d{1,9})(?:\.(\d{1,12}))?$/

/** "12.5" → 12_500_000_000_000n. Null when the text is not a plain non-negative decimal of at most 12 decimals. */
export function picoFromDecimal(text: string): Pico | null {
  const match = DECIMAL.exec(text)
  if (!match) return null
  return BigInt(match[1]!) * 10n ** 12n + BigInt((match[2] ?? '').padEnd(PICO_DIGITS, '0'))
}

/** Price per million tokens → pico per token, exactly. Null for more than six decimals or anything not a decimal. */
export function picoPerTokenFromPerMillion(text: string): Pico | null {
  const match = /^(\d{1,7})(?:\.(\d{1,6}))?$/.exec(text)
  if (!match) return null
  return BigInt(match[1]!) * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0'))
}

/** Pico per token → decimal string per million tokens: the inverse of `picoPerTokenFromPerMillion`. */
export function perMillionFromPico(pico: Pico): string {
  return decimalFromPico(pico * 1_000_000n)
}

/** 12_500_000_000_000n → "12.5"; at least two decimals are not forced, trailing zeros are dropped. */
export function decimalFromPico(pico: Pico): string {
  const sign = pico < 0n ? '-' : ''
  const digits = (pico < 0n ? -pico : pico).toString().padStart(PICO_DIGITS + 1, '0')
  const fraction = digits.slice(-PICO_DIGITS).replace(/0+$/, '')
  return `${sign}${digits.slice(0, -PICO_DIGITS)}${fraction ? `.${fraction}` : ''}`
}

/** Pico → nano, rounded up: Redis counts in nano because a Lua number holds integers only up to 2⁵³. */
export function nanoCeil(pico: Pico): number {
  return Number((pico + 999n) / 1000n)
}
