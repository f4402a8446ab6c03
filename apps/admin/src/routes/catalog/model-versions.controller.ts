import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common'
import { Permit } from '@tollgate/tenants/people'
import { ModelVersions } from '../../model-versions'
import { Answers } from '../../openapi/answers'
import { pinBody, rollbackBody, type PinBody, type RollbackBody } from './model-version.schema'
import { pinReply, pinWire, rollbackReply, rollbackWire, versionsReply, versionsWire } from './model-version.wire'

/** What a model was, and which of it calls are held to. Both changes reach every gateway within a second. */
@Controller('admin/models')
export class ModelVersionsController {
  constructor(private readonly versions: ModelVersions) {}

  /** Newest first; few, so not paged. */
  @Permit('models:read')
  @Answers(versionsReply)
  @Get(':model/versions')
  async list(@Param('model') name: string) {
    return versionsWire(await this.versions.of(name))
  }

  @Permit('models:write')
  @Answers(pinReply)
  @Post(':model/pin')
  @HttpCode(200)
  async pin(@Param('model') name: string, @Body({ schema: pinBody }) body: PinBody) {
    return pinWire(await this.versions.pin(name, body.digest))
  }

  @Permit('models:write')
  @Answers(rollbackReply)
  @Post(':model/rollback')
  @HttpCode(200)
  async rollBack(@Param('model') name: string, @Body({ schema: rollbackBody }) body: RollbackBody) {
    return rollbackWire(await this.versions.rollBack(name, body.version ?? null))
  }
}
