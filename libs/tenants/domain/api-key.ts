import { crc32 } from 'node:zlib'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 12
const SECRET_LENGTH = 43
const CHECK_LENGTH = 6
const FORM = /^tg_(live|test)_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/

/** A key's public face: its environment and the id that is looked up and may be shown. */
export interface ParsedApiKey {
  readonly environment: 'live' | 'test'
  readonly publicId: string
}

/**
 * Checks shape and checksum of `tg_<live|test>_<id>_<secret><crc>` without any IO: junk never reaches a store, and
 * secret scanners can tell a real key from a lookalike (security.md, API keys). Null = not one of ours.
 */
export function parseApiKey(text: string): ParsedApiKey | null {
  const match = FORM.exec(text)
  if (!match || checksum(text.slice(0, -CHECK_LENGTH)) !== match[4]) return null
  return { environment: match[1] as 'live' | 'test', publicId: match[2]! }
}

/** A new key from random bytes. @param randomBytes draws n random bytes; the secret has 256 bits */
export function mintApiKey(environment: 'live' | 'test', randomBytes: (length: number) => Uint8Array): { key: string; publicId: string; prefix: string } {
  const publicId = base62(ID_LENGTH, randomBytes)
  const body = `tg_${environment}_${publicId}_${base62(SECRET_LENGTH, randomBytes)}`
  return { key: body + checksum(body), publicId, prefix: `tg_${environment}_${publicId}` }
}

/** CRC-32 as six base-62 digits. */
function checksum(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let i = 0; i < CHECK_LENGTH; i++) {
    digits = ALPHABET[rest % 62]! + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

/** Unbiased digits: bytes of 248 and above are thrown away, because 248 is the last multiple of 62 below 256. */
function base62(length: number, randomBytes: (length: number) => Uint8Array): string {
  let digits = ''
  while (digits.length < length) {
    for (const byte of randomBytes(length)) if (byte < 248 && digits.length < length) digits += ALPHABET[byte % 62]
  }
  return digits
}
