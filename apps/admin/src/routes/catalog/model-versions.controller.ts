import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common'
import { Permit } from '@tollgate/tenants/people'
import { ModelVersions } from '../../model-versions'
import { pinBody, rollbackBody, type PinBody, type RollbackBody } from './model-version.schema'
import { rollbackWire, versionsWire } from './model-version.wire'

/** What a model was, and which of it calls are held to. Both changes reach every gateway within a second. */
@Controller('admin/models')
export class ModelVersionsController {
  constructor(private readonly versions: ModelVersions) {}

  /** Newest first; few, so not paged. */
  @Permit('models:read')
  @Get(':model/versions')
  async list(@Param('model') name: string) {
    return versionsWire(await this.versions.of(name))
  }

  @Permit('models:write')
  @Post(':model/pin')
  @HttpCode(200)
  async pin(@Param('model') name: string, @Body({ schema: pinBody }) body: PinBody) {
    const { model, digest } = await this.versions.pin(name, body.digest)
    return { status: 'success', message: digest === null ? `Model ${model} is not pinned any more` : `Model ${model} is pinned to ${digest.slice(0, 12)}`, pinned_digest: digest }
  }

  @Permit('models:write')
  @Post(':model/rollback')
  @HttpCode(200)
  async rollBack(@Param('model') name: string, @Body({ schema: rollbackBody }) body: RollbackBody) {
    return rollbackWire(await this.versions.rollBack(name, body.version ?? null))
  }
}
