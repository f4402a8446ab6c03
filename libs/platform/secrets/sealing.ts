import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** 96 bits, fresh for every sealing. */
export const IV_BYTES = 12
/** The whole tag of GCM. */
export const TAG_BYTES = 16

/** AES-256-GCM with `context` as associated data: iv ‖ tag ‖ text. @param dataKey 32 bytes */
export function sealWith(dataKey: Buffer, plain: Buffer, context: string): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', dataKey, iv).setAAD(Buffer.from(context))
  const text = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), text])
}

/** Opens what `sealWith` made. @throws when it was altered, or sealed with another key or for another context */
export function openWith(dataKey: Buffer, sealed: Buffer, context: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', dataKey, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context))
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
}
