import { createHash, randomBytes } from 'node:crypto'
import { IV_BYTES, openWith as decrypt, sealWith as encrypt, TAG_BYTES } from './sealing'

/** Boxes of version 1 name no wrapping key and bind `context` alone. */
const FIRST_VERSION = 1
const VERSION = 2
const KEY_ID_BYTES = 4
const KEY_BYTES = 32
const WRAPPED_BYTES = IV_BYTES + TAG_BYTES + KEY_BYTES

/** A box taken apart. `keyId` is null in version 1. */
interface Box {
  readonly keyId: string | null
  readonly wrapped: Buffer
  readonly text: Buffer
}

/**
 * Envelope encryption of provider secrets (security.md): a fresh data key and IV per secret, the data key wrapped by a
 * key of the process, and `context` (tenant|provider|whose|field) bound with the version as associated data, so that a
 * row copied elsewhere does not open. Layout: version ‖ id of the wrapping key ‖ iv ‖ tag ‖ wrapped key ‖ iv ‖ tag ‖ text.
 *
 * Rotation: every process opens with all keys it was given and seals with the first; `rewrap` brings a box to the first
 * key without touching its text, so it may stop and go on anywhere.
 */
export class SecretBox {
  /** Id of the key that seals, 8 hexadecimal digits; tells keys apart and nothing about them. */
  readonly keyId: string
  private readonly keys: ReadonlyMap<string, Buffer>

  /** @param key TOLLGATE_SECRETS_KEY, at least 32 characters @param others TOLLGATE_SECRETS_KEYS_ALSO: opened with, not sealed with */
  constructor(key: string, others: readonly string[] = []) {
    const keys = [key, ...others].map((text) => createHash('sha256').update(`tollgate secrets ${text}`).digest())
    this.keyId = idOf(keys[0]!)
    this.keys = new Map(keys.toReversed().map((wrapping) => [idOf(wrapping), wrapping]))
  }

  seal(plain: string, context: string): Buffer {
    const dataKey = randomBytes(KEY_BYTES)
    return this.pack(dataKey, encrypt(dataKey, Buffer.from(plain), bound(context)), context)
  }

  /** @param formerContext what version 1 bound, where it was another @throws when the box was altered, belongs to another context or was sealed under a key that is not here */
  open(sealed: Buffer, context: string, formerContext = context): string {
    const box = unpack(sealed)
    return decrypt(this.dataKey(box, context, formerContext), box.text, box.keyId === null ? formerContext : bound(context)).toString()
  }

  /** The same secret under the key that seals now; null when it is already. @throws as `open` */
  rewrap(sealed: Buffer, context: string, formerContext = context): Buffer | null {
    if (!this.isOld(sealed)) return null
    const box = unpack(sealed)
    // Its text is bound to less than today's, so it is sealed anew; opening either proves that nothing was altered.
    const plain = this.open(sealed, context, formerContext)
    return box.keyId === null ? this.seal(plain, context) : this.pack(this.dataKey(box, context, formerContext), box.text, context)
  }

  /** Was this box sealed under another key, or in the first version? */
  isOld(sealed: Buffer): boolean {
    return unpack(sealed).keyId !== this.keyId
  }

  /** The bytes every box of today begins with, for a query that looks for others. */
  get prefix(): Buffer {
    return Buffer.concat([Buffer.of(VERSION), Buffer.from(this.keyId, 'hex')])
  }

  private pack(dataKey: Buffer, text: Buffer, context: string): Buffer {
    return Buffer.concat([this.prefix, encrypt(this.keys.get(this.keyId)!, dataKey, bound(context, this.keyId)), text])
  }

  private dataKey({ keyId, wrapped }: Box, context: string, formerContext: string): Buffer {
    if (keyId === null) return this.firstThatOpens(wrapped, formerContext)
    const key = this.keys.get(keyId)
    if (!key) throw new Error(`secret was sealed under key ${keyId}, which is not among TOLLGATE_SECRETS_KEY and TOLLGATE_SECRETS_KEYS_ALSO`)
    return decrypt(key, wrapped, bound(context, keyId))
  }

  private firstThatOpens(wrapped: Buffer, context: string): Buffer {
    for (const key of this.keys.values()) {
      try {
        return decrypt(key, wrapped, context)
      } catch {
        // Another key may.
      }
    }
    throw new Error('secret was altered, belongs elsewhere or was sealed under another key')
  }
}

function unpack(sealed: Buffer): Box {
  const version = sealed[0]
  if (version !== VERSION && version !== FIRST_VERSION) throw new Error('secret has an unknown version')
  const start = version === VERSION ? 1 + KEY_ID_BYTES : 1
  const end = start + WRAPPED_BYTES
  if (sealed.length < end + IV_BYTES + TAG_BYTES) throw new Error('secret is cut short')
  return { keyId: version === VERSION ? sealed.subarray(1, start).toString('hex') : null, wrapped: sealed.subarray(start, end), text: sealed.subarray(end) }
}

function idOf(key: Buffer): string {
  return createHash('sha256').update('tollgate key id ').update(key).digest('hex').slice(0, KEY_ID_BYTES * 2)
}

function bound(context: string, keyId = ''): string {
  return `${VERSION}|${keyId}|${context}`
}
