/**
 * Formats a UUIDv7 (RFC 9562): 48 bits of epoch milliseconds, then random bits, so ids sort by time of creation.
 * Pure: the caller supplies time and randomness (`platform/clock` holds the one id factory).
 * @param nowMs epoch milliseconds
 * @param random at least 10 random bytes
 */
export function uuidv7(nowMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16)
  for (let i = 5, rest = nowMs; i >= 0; i--) {
    bytes[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  bytes.set(random.subarray(0, 10), 6)
  bytes[6] = 0x70 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for a lower-case UUID of any version: the only form in which ids appear in URLs and columns. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
