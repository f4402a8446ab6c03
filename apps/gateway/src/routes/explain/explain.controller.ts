import { Controller, Get, HttpCode, Inject, Param, Post, Req, UseGuards } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { chatRequest } from '../chat/chat.schema'
import type { CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { explainBody, explainSchema } from './explain.schema'
import { Explanations } from './explanations'

/** Why a request went where it went, and where one would go. */
@Controller('v1')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ExplainController {
  constructor(
    private readonly explanations: Explanations,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  @NeedsScope('report:read')
  @Get('requests/:id/explain')
  async past(@Req() http: CallerRequest, @Param('id') id: string) {
    return this.explanations.past(http.caller.tenant.id, id)
  }

  /** The dry run of a body of `/chat` or `/chat/smart`. */
  @NeedsScope('chat')
  @Post('explain')
  @HttpCode(200)
  async now(@Req() http: CallerRequest) {
    const body = explainBody(parseBody(explainSchema, http.body))
    if (body.customer_id !== undefined && body.customer_id !== http.caller.tenant.slug) throw new RefusalError(refuse('customer_mismatch'))
    return this.explanations.now(http, chatRequest(body, http.bodyBytes ?? 0, this.config.OLLAMA_STREAMING).request)
  }
}
