import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

/**
 * Envelope encryption of provider secrets (security.md): a fresh data key and IV per secret, the data key wrapped by
 * the key of the process, and `context` (whose secret it is) bound as associated data, so a row copied elsewhere does
 * not open. Layout: version ‖ iv ‖ tag ‖ wrapped key ‖ iv ‖ tag ‖ text.
 */
export class SecretBox {
  private readonly wrappingKey: Buffer

  /** @param key TOLLGATE_SECRETS_KEY, at least 32 characters */
  constructor(key: string) {
    this.wrappingKey = createHash('sha256').update(`tollgate secrets ${key}`).digest()
  }

  seal(plain: string, context: string): Buffer {
    const dataKey = randomBytes(KEY_BYTES)
    return Buffer.concat([Buffer.of(VERSION), encrypt(this.wrappingKey, dataKey, context), encrypt(dataKey, Buffer.from(plain), context)])
  }

  /** @throws when the box was altered, belongs to another context or was sealed under another key */
  open(sealed: Buffer, context: string): string {
    if (sealed[0] !== VERSION) throw new Error('secret has an unknown version')
    const wrappedEnd = 1 + IV_BYTES + TAG_BYTES + KEY_BYTES
    const dataKey = decrypt(this.wrappingKey, sealed.subarray(1, wrappedEnd), context)
    return decrypt(dataKey, sealed.subarray(wrappedEnd), context).toString()
  }
}

function encrypt(key: Buffer, plain: Buffer, context: string): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  const text = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), text])
}

function decrypt(key: Buffer, sealed: Buffer, context: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES)).setAAD(Buffer.from(context))
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
}
