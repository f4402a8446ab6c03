import { Controller, Get, Param } from '@nestjs/common'
import { RequestRecordService } from '@tollgate/proof'
import { Permit } from '@tollgate/tenants/people'

/** The record of any request: what was measured, billed and paid for it. It holds no content. */
@Controller('admin/requests')
export class RequestsController {
  constructor(private readonly records: RequestRecordService) {}

  @Permit('requests:read')
  @Get(':id')
  async one(@Param('id') id: string) {
    return this.records.forOperator(id)
  }
}
