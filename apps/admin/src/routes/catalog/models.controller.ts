import { Body, Controller, Delete, Get, Param, Post, Put } from '@nestjs/common'
import { AliasAdminService, ModelAdminService } from '@tollgate/catalog'
import { VersionAdminService } from '@tollgate/catalog/versions'
import { Permit } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { ModelRollouts } from '../../model-rollouts'
import { Answers } from '../../openapi/answers'
import { successReply } from '../rollouts/rollout.wire'
import { addModelBody, changeModelBody, type AddModelBody, type ChangeModelBody } from './model.schema'
import { catalogReply, catalogWire, modelFields } from './model.wire'

type Listed = Awaited<ReturnType<ModelAdminService['withStatus']>>[number]
type Stage = 'pulling' | 'creating' | 'failed'

/** The model catalogue. Names hold colons and slashes, so they come percent-encoded in paths. */
@Controller('admin/models')
export class ModelsController {
  constructor(
    private readonly models: ModelAdminService,
    private readonly aliases: AliasAdminService,
    private readonly rollouts: ModelRollouts,
    private readonly versions: VersionAdminService,
  ) {}

  /** Whole, not paged: the catalogue is one document (product.md 3). */
  @Permit('models:read')
  @Answers(catalogReply)
  @Get()
  async list() {
    const platform = await this.aliases.list({ tenantId: null, tier: null })
    const [listed, stages, holdings] = await Promise.all([this.models.withStatus(), this.rollouts.stages(), this.versions.holdings()])
    return catalogWire(listed.map((item) => ({ ...item, status: stageOf(item, stages.get(item.entry.name)), holdings: holdings.filter(({ model }) => model === item.entry.name) })), platform.find((alias) => alias.name === 'default')?.target ?? null)
  }

  @Permit('models:write')
  @Answers(successReply)
  @Post('add')
  async add(@Body({ schema: addModelBody }) body: AddModelBody) {
    const entry = await this.models.add(body.name, modelFields(body))
    return success(`Model ${entry.name} added`)
  }

  @Permit('models:write')
  @Answers(successReply)
  @Put(':model')
  async change(@Param('model') name: string, @Body({ schema: changeModelBody }) body: ChangeModelBody) {
    const entry = await this.models.get(name)
    await this.models.change(entry, modelFields(body))
    return success(`Model ${entry.name} updated`)
  }

  /** Forgets the entry. A model that a host still holds comes back with the next probe. */
  @Permit('models:write')
  @Answers(successReply)
  @Delete(':model')
  async remove(@Param('model') name: string) {
    const entry = await this.models.get(name)
    await this.models.remove(entry)
    return success(`Model ${entry.name} removed`)
  }
}

/** A model that a host serves is available, whatever became of a job; an open job tells more than `pending` or `missing`. */
function stageOf({ status, holders }: Listed, stage: Stage | undefined): Listed['status'] | Stage {
  return stage === undefined || (holders.length > 0 && stage === 'failed') ? status : stage
}

function success(message: string): z.output<typeof successReply> {
  return { status: 'success', message }
}
