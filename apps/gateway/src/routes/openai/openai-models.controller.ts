import { Controller, Get, Param, Req, UseGuards } from '@nestjs/common'
import type { CatalogModel } from '@tollgate/catalog'
import { AccessService } from '@tollgate/chat'
import { refuse, RefusalError } from '@tollgate/kernel'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import type { CallerRequest } from '../inference'

/**
 * `GET /v1/models` and `/v1/models/{id}`: what this caller may use and some host holds now. OpenAI's and Anthropic's
 * clients ask for the same path and read other fields, so an answer has both.
 */
@Controller()
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class OpenAiModelsController {
  constructor(private readonly access: AccessService) {}

  @NeedsScope('models:read')
  @Get('v1/models')
  list(@Req() http: CallerRequest): unknown {
    const data = this.access.available(http.caller).map((model) => modelObject(model))
    return { object: 'list', data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
  }

  /** Ids may hold slashes, percent-encoded or not. */
  @NeedsScope('models:read')
  @Get('v1/models/*')
  async one(@Req() http: CallerRequest, @Param('*') rest: string): Promise<unknown> {
    const selection = await this.access.select(http.caller, { model: rest, project: null })
    if (selection.kind === 'refused') throw new RefusalError(selection.refusal)
    if (!this.access.available(http.caller).some((model) => model.name === selection.model.name)) throw new RefusalError(refuse('model_not_available', { model: selection.model.name }, { retryAfterSeconds: 5 }))
    return modelObject(selection.model)
  }
}

function modelObject(model: CatalogModel): Record<string, unknown> {
  return { id: model.name, object: 'model', type: 'model', created_at: model.createdAt.toISOString(), created: Math.floor(model.createdAt.getTime() / 1000), owned_by: 'tollgate', context_length: model.contextLength, display_name: model.displayName }
}
