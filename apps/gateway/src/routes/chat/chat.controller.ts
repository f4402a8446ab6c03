import { Controller, Post, Req, Res, UseGuards } from '@nestjs/common'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import type { CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { ChatAnswers } from './chat-answers'
import { chatSchema } from './chat.schema'

/** `POST /chat`: JSON, or server-sent events with `stream: true` (product.md 2.1). */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ChatController {
  constructor(private readonly answers: ChatAnswers) {}

  @NeedsScope('chat')
  @Post('chat')
  async chat(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    await this.answers.answer(http, reply, parseBody(chatSchema, http.body))
  }
}
