import { Controller, Get } from '@nestjs/common'
import { ReceiptSigner, type PublicKeyJwk } from '@tollgate/platform/secrets'

/** `GET /.well-known/jwks.json`: the keys that receipts are or were signed with, for anybody who checks one. */
@Controller()
export class SigningKeysController {
  constructor(private readonly signer: ReceiptSigner) {}

  @Get('.well-known/jwks.json')
  keys(): { keys: readonly PublicKeyJwk[] } {
    return { keys: this.signer.publicKeys }
  }
}
