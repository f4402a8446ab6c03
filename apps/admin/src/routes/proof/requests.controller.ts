import { Controller, Get, Param } from '@nestjs/common'
import { RequestRecordService } from '@tollgate/proof'
import { Permit } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { Answers } from '../../openapi/answers'
import { requestRecordReply } from './request-record.wire'

/** The record of any request: what was measured, billed and paid for it. It holds no content. */
@Controller('admin/requests')
export class RequestsController {
  constructor(private readonly records: RequestRecordService) {}

  @Permit('requests:read')
  @Answers(requestRecordReply)
  @Get(':id')
  async one(@Param('id') id: string): Promise<z.output<typeof requestRecordReply>> {
    return this.records.forOperator(id)
  }
}
