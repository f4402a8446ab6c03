import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Keyed hash of a whole API key. Keys carry 256 random bits, so a fast hash is right; the pepper stays outside the
 * database (security.md).
 */
export function hashApiKey(key: string, pepper: string): Buffer {
  return createHmac('sha256', pepper).update(key).digest()
}

/** Constant-time comparison of two hashes of equal length. */
export function isSameHash(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Cache key of a credential: the full digest, never a part of the key itself (F21). */
export function credentialDigest(key: string): string {
  return createHash('sha256').update(key).digest('base64')
}
