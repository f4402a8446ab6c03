import { createHash } from 'node:crypto'
import { refuse, type Refusal } from '@tollgate/kernel'

const FORM = /^[\x21-\x7e]{1,255}$/

/**
 * The key in an `Idempotency-Key` header, as the hash it is kept under: a key may say more about its sender than we want
 * to keep. A header sent twice arrives joined by ", " and is refused for its space.
 */
export function keyHashOf(header: string | readonly string[] | undefined): Buffer | Refusal {
  if (typeof header === 'string' && FORM.test(header)) return sha256(header)
  const details = { param: 'Idempotency-Key', errors: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }] }
  return refuse('invalid_request', { reason: 'the header Idempotency-Key must be 1 to 255 visible ASCII characters, sent once.' }, { details })
}

/** SHA-256 of a JSON value in canonical form: neither spaces nor the order of fields make two bodies differ. */
export function fingerprint(value: unknown): Buffer {
  return sha256(canonicalJson(value))
}

/** JSON with the fields of every object in the order of their names. Undefined fields are left out, as JSON does. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return `{${fields.sort(byName).map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
