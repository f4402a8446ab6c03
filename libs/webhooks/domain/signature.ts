import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'

/** Bytes of a new secret. */
export const SECRET_BYTES = 32

/** A secret as its owner is shown it once: a prefix that scanners know, and the key in base64. */
export function secretOf(key: Buffer): string {
  return PREFIX + key.toString('base64')
}

/**
 * Headers of one attempt, as Standard Webhooks has them: the receiver computes HMAC-SHA256 of `id.timestamp.body` under
 * the secret's key and compares. The id is the event's, the same at every attempt: receivers tell repeats by it.
 * @param body to the byte as it is sent
 */
export function signedHeaders(secret: string, id: string, atMs: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1000))
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}
