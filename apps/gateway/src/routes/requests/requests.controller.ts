import { Controller, Get, Param, Req, UseGuards } from '@nestjs/common'
import { RequestRecordService } from '@tollgate/proof'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import type { CallerRequest } from '../inference'

/** What is kept of single requests, for the tenant that made them. */
@Controller('v1/requests')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class RequestsController {
  constructor(private readonly records: RequestRecordService) {}

  /** What was measured and billed for one request, and by which price. */
  @NeedsScope('report:read')
  @Get(':id')
  async one(@Req() http: CallerRequest, @Param('id') id: string): Promise<unknown> {
    return this.records.forTenant(http.caller.tenant.id, id)
  }

  /** Where one request was answered, signed: `jws` holds the receipt and verifies without us. */
  @NeedsScope('report:read')
  @Get(':id/receipt')
  async receipt(@Req() http: CallerRequest, @Param('id') id: string): Promise<unknown> {
    return this.records.receipt(http.caller.tenant.id, id)
  }
}
