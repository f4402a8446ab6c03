import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, type KeyObject } from 'node:crypto'

/** An Ed25519 key in the form of RFC 8037, as a JWKS holds it. */
export interface PublicKeyJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'EdDSA'
}

/** RFC 8410: what precedes the 32 bytes of an Ed25519 private key in PKCS #8. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * Signs statements that strangers check without us: compact JWS (RFC 7515) with Ed25519, so that any JOSE library will
 * do. The key follows from TOLLGATE_SECRETS_KEY by HKDF (RFC 5869): one secret to keep, and every process signs alike.
 */
export class ReceiptSigner {
  readonly publicKey: PublicKeyJwk
  /** The key that signs first, then those of other secrets: what was signed before a rotation is still checked. */
  readonly publicKeys: readonly PublicKeyJwk[]
  private readonly key: KeyObject

  /** @param secret TOLLGATE_SECRETS_KEY @param others TOLLGATE_SECRETS_KEYS_ALSO */
  constructor(secret: string, others: readonly string[] = []) {
    this.key = keyOf(secret)
    this.publicKey = publicOf(this.key)
    this.publicKeys = [this.publicKey, ...others.map((other) => publicOf(keyOf(other)))]
  }

  /** @param typ media type of the statement, so that a signature for one purpose is none for another */
  sign(statement: object, typ: string): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${part({ alg: 'EdDSA', typ, kid: this.publicKey.kid })}.${part(statement)}`
    return `${text}.${sign(null, Buffer.from(text), this.key).toString('base64url')}`
  }
}

function keyOf(secret: string): KeyObject {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'tollgate receipts 1', 32))
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

function publicOf(key: KeyObject): PublicKeyJwk {
  const { x } = createPublicKey(key).export({ format: 'jwk' }) as { x: string }
  const kid = createHash('sha256').update(x).digest('hex').slice(0, 16)
  return { kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' }
}
