import type { Pico } from '@tollgate/kernel'

/**
 * Digits of the minor unit where they are not two (ISO 4217). A table and not the runtime's own, which changes with its
 * version: the same ledger must give the same invoice for ever. The digits are printed on each invoice.
 */
const DIGITS: Readonly<Record<string, number>> = Object.fromEntries([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'].map((code) => [code, 0]),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((code) => [code, 3]),
])

/** Digits after the point of a currency's minor unit: 0, 2 or 3. */
export function minorDigits(currency: string): number {
  return DIGITS[currency] ?? 2
}

/** Rounds exact pico to whole minor units, a half to the even one; the same for amounts below zero. */
export function roundHalfEven(pico: Pico, digits: number): bigint {
  const unit = picoOfMinor(1n, digits)
  const size = pico < 0n ? -pico : pico
  const whole = size / unit
  const twice = (size % unit) * 2n
  const isUp = twice > unit || (twice === unit && whole % 2n === 1n)
  const rounded = isUp ? whole + 1n : whole
  return pico < 0n ? -rounded : rounded
}

/** Minor units as pico. */
export function picoOfMinor(minor: bigint, digits: number): Pico {
  return minor * 10n ** BigInt(12 - digits)
}

/** 1205n, 2 digits → "12.05"; 0 digits → "1205". */
export function minorText(minor: bigint, digits: number): string {
  const sign = minor < 0n ? '-' : ''
  const text = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, '0')
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** The inverse of `minorText`. */
export function minorOf(text: string, digits: number): bigint {
  return text.startsWith('-') ? -minorFromText(text.slice(1), digits)! : minorFromText(text, digits)!
}

/** An amount that somebody types: "12.5" with 2 digits → 1250n. Null for more digits than there are, or no plain positive decimal. */
export function minorFromText(text: string, digits: number): bigint | null {
  const match = /^(\d{1,15})(?:\.(\d{1,3}))?$/.exec(text)
  const fraction = match?.[2] ?? ''
  if (!match || fraction.length > digits) return null
  return BigInt(match[1]! + fraction.padEnd(digits, '0'))
}
