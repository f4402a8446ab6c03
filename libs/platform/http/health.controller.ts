import { Controller, Get, Inject, Req, Res } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { CONFIG, type Environment } from '@tollgate/platform/config'
import { Metrics } from '@tollgate/platform/metrics'
import type { HttpReply, HttpRequest } from './send-refusal'
import { READINESS, type Readiness } from './readiness'

/** Liveness, readiness and metrics of a process. */
@Controller()
export class HealthController {
  constructor(
    @Inject(READINESS) private readonly readiness: Readiness,
    @Inject(CONFIG) private readonly config: Environment,
    private readonly metrics: Metrics,
  ) {}

  @Get('healthz')
  alive(): { status: string } {
    return { status: 'ok' }
  }

  @Get('readyz')
  async ready(@Res() reply: HttpReply): Promise<void> {
    const { isReady, checks } = await this.readiness.report()
    await reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', checks })
  }

  /** Open unless TOLLGATE_METRICS_TOKEN is set; then it wants that bearer token. */
  @Get('metrics')
  async metricsText(@Req() request: HttpRequest, @Res() reply: HttpReply): Promise<void> {
    const token = this.config.TOLLGATE_METRICS_TOKEN
    if (token && request.headers.authorization !== `Bearer ${token}`) throw new RefusalError(refuse('invalid_token'))
    await reply.header('content-type', this.metrics.registry.contentType).send(await this.metrics.registry.metrics())
  }
}
