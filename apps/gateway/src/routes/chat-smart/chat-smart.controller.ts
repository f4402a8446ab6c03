import { Controller, Post, Req, Res, UseGuards } from '@nestjs/common'
import type { HttpReply } from '@tollgate/platform/http'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import { ChatAnswers } from '../chat/chat-answers'
import { chatSmartSchema, smartBody } from '../chat/chat.schema'
import type { CallerRequest } from '../inference'
import { parseBody } from '../request-body'

/** `POST /chat/smart`: as `/chat`, and rules choose the model (product.md 2.2). The same as `/chat` with `model: "auto"`. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ChatSmartController {
  constructor(private readonly answers: ChatAnswers) {}

  @NeedsScope('chat')
  @Post('chat/smart')
  async chat(@Req() http: CallerRequest, @Res() reply: HttpReply): Promise<void> {
    await this.answers.answer(http, reply, smartBody(parseBody(chatSmartSchema, http.body)))
  }
}
