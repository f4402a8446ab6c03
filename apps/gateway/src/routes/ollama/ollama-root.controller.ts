import { Controller, Get, Header, UseGuards } from '@nestjs/common'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'

/** `GET /` and `HEAD /`: what Ollama's command line asks before anything else, and looks for by these words. */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class OllamaRootController {
  @NeedsScope('models:read')
  @Get()
  @Header('content-type', 'text/plain; charset=utf-8')
  isRunning(): string {
    return 'Ollama is running'
  }
}
