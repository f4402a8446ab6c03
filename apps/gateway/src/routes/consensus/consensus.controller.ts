import { Controller, Inject, Post, Req, Res, UseGuards } from '@nestjs/common'
import { ConsensusService, type Consensus } from '@tollgate/chat'
import { refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { chatRequest } from '../chat/chat.schema'
import { CollectedReply } from '../collected-reply'
import { InferenceDoor, writeJson, writeRefusal, type CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { completedHeaders } from '../served-headers'
import { consensusSchema } from './consensus.schema'
import { consensusWire } from './consensus.wire'

/** `POST /chat/consensus`: one question to several models, for tiers that have it. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ConsensusController {
  constructor(
    private readonly door: InferenceDoor,
    private readonly consensus: ConsensusService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @NeedsScope('chat')
  @Post('chat/consensus')
  async ask(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    const { models, judge, ...body } = parseBody(consensusSchema, http.body)
    if (body.customer_id !== undefined && body.customer_id !== http.caller.tenant.slug) throw new RefusalError(refuse('customer_mismatch'))
    const { request } = chatRequest(body, http.bodyBytes ?? 0)
    const startedAtMs = this.clock.monotonicMs()
    let told: Consensus | null = null
    reply.hijack()
    const result = await this.door.serve(http, reply, 'consensus', request, new CollectedReply(), async (call) => {
      told = await this.consensus.serve(call, { models, judge: judge ?? null })
      return told.result
    })
    if (result.kind !== 'completed' || !told) return writeRefusal(http, reply, result as Exclude<typeof result, { kind: 'completed' }>)
    writeJson(http, reply, 200, consensusWire(told, result, http.id, Math.round(this.clock.monotonicMs() - startedAtMs), result.warnings), completedHeaders(result))
  }
}
