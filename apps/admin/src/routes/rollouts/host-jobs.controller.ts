import { setTimeout as wait } from 'node:timers/promises'
import { Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common'
import { SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import { RolloutAdminService } from '@tollgate/rollouts'
import { Permit } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { Answers, Streams } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { jobsQuery, type JobsQuery } from './rollout.schema'
import { isOver, jobReply, jobWire } from './rollout.wire'

/** As old as what a reader of a stream sees may be, beside half a second in the worker. */
const LOOK_MS = 500

/** Jobs on hosts, and how far they are. */
@Controller('admin/jobs')
export class HostJobsController {
  constructor(private readonly rollouts: RolloutAdminService) {}

  @Permit('models:read')
  @Answers(pageReply(jobReply))
  @Get()
  async list(@Query({ schema: jobsQuery }) query: JobsQuery) {
    return pageOf(query, (page) => this.rollouts.list({ ...page, state: query.state, model: query.model }), (job) => job.id, jobWire)
  }

  @Permit('models:read')
  @Answers(jobReply)
  @Get(':job')
  async one(@Param('job') id: string) {
    return jobWire(await this.rollouts.get(id))
  }

  /** Server-sent events: the job whenever it has changed, until it is over; then `[DONE]`. */
  @Permit('models:read')
  @Streams(jobReply)
  @Get(':job/events')
  async events(@Param('job') id: string, @Req() request: HttpRequest, @Res() reply: HttpReply): Promise<void> {
    let job = await this.rollouts.get(id)
    void reply.hijack()
    const stream = new SseStream(reply.raw, { 'x-request-id': request.id })
    let told = ''
    try {
      for (;;) {
        const text = JSON.stringify(jobWire(job))
        if (text !== told) stream.send(jobWire(job))
        told = text
        if (isOver(job) || reply.raw.destroyed) break
        await wait(LOOK_MS)
        job = await this.rollouts.get(id)
      }
      stream.end(isOver(job))
    } catch {
      stream.destroy()
    }
  }

  @Permit('models:write')
  @Answers(jobReply)
  @Post(':job/cancel')
  @HttpCode(200)
  async cancel(@Param('job') id: string) {
    return jobWire(await this.rollouts.cancel(id))
  }
}
