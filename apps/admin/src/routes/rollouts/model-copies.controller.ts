import { Body, Controller, Get, Param, Put } from '@nestjs/common'
import { Permit } from '@tollgate/tenants/people'
import { ModelCopies } from '../../model-copies'
import { Answers } from '../../openapi/answers'
import { copiesBody, type CopiesBody } from './rollout.schema'
import { copiesReply, copiesWire } from './rollout.wire'

/** How many hosts of each region are to hold a model; the worker sees to it. */
@Controller('admin/models')
export class ModelCopiesController {
  constructor(private readonly copies: ModelCopies) {}

  @Permit('models:read')
  @Answers(copiesReply)
  @Get(':model/copies')
  async one(@Param('model') name: string) {
    return copiesWire(await this.copies.of(name))
  }

  /** Replaces all; regions left out are left alone. */
  @Permit('models:write')
  @Answers(copiesReply)
  @Put(':model/copies')
  async set(@Param('model') name: string, @Body({ schema: copiesBody }) body: CopiesBody) {
    return copiesWire(await this.copies.set(name, body.copies))
  }
}
