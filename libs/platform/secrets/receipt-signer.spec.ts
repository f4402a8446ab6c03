import { createPublicKey, verify, type JsonWebKey } from 'node:crypto'
import { ReceiptSigner } from './receipt-signer'

const [OLD, NEW] = ['the first key of this spec, long enough', 'the second key of this spec, long enough']

/** As a stranger checks one: by the key that its header names, from the published list. */
function isGenuine(jws: string, keys: readonly { readonly kid: string }[]): boolean {
  const [header, body, signature] = jws.split('.') as [string, string, string]
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
  const jwk = keys.find((key) => key.kid === kid)
  return jwk !== undefined && verify(null, Buffer.from(`${header}.${body}`), createPublicKey({ key: jwk as unknown as JsonWebKey, format: 'jwk' }), Buffer.from(signature, 'base64url'))
}

describe('receipts over a rotation of the secret', () => {
  const [before, both, after] = [new ReceiptSigner(OLD), new ReceiptSigner(NEW, [OLD]), new ReceiptSigner(NEW)]
  const old = before.sign({ a: 1 }, 'receipt')

  it('those of before are checked while the former secret is known, and not when it is not', () => {
    expect([isGenuine(old, before.publicKeys), isGenuine(old, both.publicKeys), isGenuine(old, after.publicKeys)]).toEqual([true, true, false])
  })

  it('new ones are signed with the first secret, which every process lists first', () => {
    const signed = both.sign({ a: 1 }, 'receipt')
    expect([isGenuine(signed, after.publicKeys), isGenuine(signed, before.publicKeys)]).toEqual([true, false])
    expect(both.publicKeys.map(({ kid }) => kid)).toEqual([after.publicKey.kid, before.publicKey.kid])
    expect(JSON.stringify(both.publicKeys)).not.toContain('"d"')
  })
})
