import { Body, Controller, HttpCode, Post } from '@nestjs/common'
import { LedgerVerifyService } from '@tollgate/proof'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit } from '@tollgate/tenants/people'
import { Answers } from '../../openapi/answers'
import { verifyBody, type VerifyBody } from './verify.schema'
import { verificationReply, verificationWire } from './verify.wire'

/** Walks the hash chains over the ledger (libs/proof/README.md). A million rows take well under a minute. */
@Controller('admin/proof/ledger')
export class VerifyController {
  constructor(
    private readonly verifier: LedgerVerifyService,
    private readonly tenants: TenantAdminService,
  ) {}

  @Permit('ledger:verify')
  @Answers(verificationReply)
  @Post('verify')
  @HttpCode(200)
  async verify(@Body({ schema: verifyBody }) body: VerifyBody) {
    const tenant = body.tenant ? await this.tenants.get(body.tenant) : null
    return verificationWire(await this.verifier.verify(tenant?.id ?? null, body.head ?? null))
  }
}
