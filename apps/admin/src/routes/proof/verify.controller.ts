import { Body, Controller, HttpCode, Post } from '@nestjs/common'
import { LedgerVerifyService, type ChainReport } from '@tollgate/proof'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit } from '@tollgate/tenants/people'
import { verifyBody, type VerifyBody } from './verify.schema'

/** Walks the hash chains over the ledger (libs/proof/README.md). A million rows take well under a minute. */
@Controller('admin/proof/ledger')
export class VerifyController {
  constructor(
    private readonly verifier: LedgerVerifyService,
    private readonly tenants: TenantAdminService,
  ) {}

  @Permit('ledger:verify')
  @Post('verify')
  @HttpCode(200)
  async verify(@Body({ schema: verifyBody }) body: VerifyBody) {
    const tenant = body.tenant ? await this.tenants.get(body.tenant) : null
    const reports = await this.verifier.verify(tenant?.id ?? null, body.head ?? null)
    const total = (pick: (report: ChainReport) => number) => reports.reduce((sum, report) => sum + pick(report), 0)
    return { ok: reports.every((report) => report.problem === null), sealed: total((r) => r.sealed), unsealed: total((r) => r.unsealed), tenants: reports.map(chainWire) }
  }
}

/** `sealed` counts the links that hold; `unsealed` rows are younger than about a second, and no error. */
function chainWire({ id, slug, sealed, unsealed, head, problem }: ChainReport) {
  const named = problem && { kind: problem.kind, table: TABLES[problem.what], seq: problem.seq, day: problem.day, request_id: problem.rid, rank: problem.rank, message: problem.sentence }
  return { tenant: slug, tenant_id: id, ok: problem === null, sealed, unsealed, head: head.seq === 0 ? null : head, problem: named }
}

const TABLES = { ledger: 'ledger', usage: 'usage', chain: 'ledger_seal' } as const
