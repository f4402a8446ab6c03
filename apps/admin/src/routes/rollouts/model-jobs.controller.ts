import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common'
import { Permit } from '@tollgate/tenants/people'
import { ModelRollouts } from '../../model-rollouts'
import { Answers } from '../../openapi/answers'
import { createBody, preloadBody, pullBody, type CreateBody, type PreloadBody, type PullBody } from './rollout.schema'
import { queuedReply, queuedWire } from './rollout.wire'

/** What hosts are to hold: jobs that the worker does, one at a time on each host. */
@Controller('admin/models')
export class ModelJobsController {
  constructor(private readonly rollouts: ModelRollouts) {}

  @Permit('models:write')
  @Answers(queuedReply)
  @Post('pull')
  @HttpCode(202)
  async pull(@Body({ schema: pullBody }) { model, ...where }: PullBody) {
    const jobs = await this.rollouts.pull(model, where)
    return queuedWire(`Model ${model} is being pulled onto ${hostsText(jobs.length)}`, jobs)
  }

  @Permit('models:write')
  @Answers(queuedReply)
  @Post('create/:model')
  @HttpCode(202)
  async create(@Param('model') name: string, @Body({ schema: createBody }) { modelfile, ...where }: CreateBody) {
    const jobs = await this.rollouts.create(name, modelfile, where)
    return queuedWire(`Model ${name} is being created on ${hostsText(jobs.length)}`, jobs)
  }

  @Permit('models:write')
  @Answers(queuedReply)
  @Post(':model/preload')
  @HttpCode(202)
  async preload(@Param('model') name: string, @Body({ schema: preloadBody }) where: PreloadBody) {
    const jobs = await this.rollouts.preload(name, where)
    return queuedWire(`Model ${name} is being loaded on ${hostsText(jobs.length)}`, jobs)
  }

  /** Takes the model from every host; its entry stays until it is deleted. */
  @Permit('models:write')
  @Answers(queuedReply)
  @Post(':model/delete')
  @HttpCode(202)
  async deleteFromHosts(@Param('model') name: string) {
    const jobs = await this.rollouts.deleteFromHosts(name)
    return queuedWire(`Model ${name} is being deleted from ${hostsText(jobs.length)}`, jobs)
  }
}

function hostsText(count: number): string {
  return count === 1 ? '1 host' : `${count} hosts`
}
