import { createHash } from 'node:crypto'
import { Controller, Delete, Get, HttpCode, Post, Req, UseGuards } from '@nestjs/common'
import type { CatalogModel } from '@tollgate/catalog'
import { AccessService } from '@tollgate/chat'
import { refuse, RefusalError } from '@tollgate/kernel'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import type { CallerRequest } from '../inference'
import { parseBody } from '../request-body'
import { ollamaShowSchema } from './ollama.schema'

/** The release whose `/api` this surface speaks: clients compare it with what they need. */
const SPEAKS_VERSION = '0.12.6'

/** Ollama's lists and looks for a caller: only what it may use. What changes models is the operator's (403). */
@Controller('api')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class OllamaModelsController {
  constructor(private readonly access: AccessService) {}

  @NeedsScope('models:read')
  @Get('version')
  version(): unknown {
    return { version: SPEAKS_VERSION }
  }

  @NeedsScope('models:read')
  @Get('tags')
  tags(@Req() http: CallerRequest): unknown {
    return { models: this.access.available(http.caller).map(tagOf) }
  }

  /** What is loaded is the operator's business; a tenant's client needs the shape, not the fleet. */
  @NeedsScope('models:read')
  @Get('ps')
  ps(): unknown {
    return { models: [] }
  }

  @NeedsScope('models:read')
  @Post('show')
  @HttpCode(200)
  async show(@Req() http: CallerRequest): Promise<unknown> {
    const body = parseBody(ollamaShowSchema, http.body)
    const selection = await this.access.select(http.caller, { model: (body.model ?? body.name)!, project: null })
    if (selection.kind === 'refused') throw new RefusalError(selection.refusal)
    return cardOf(selection.model)
  }

  @NeedsScope('models:read')
  @Post(['pull', 'push', 'create', 'copy'])
  change(): never {
    throw new RefusalError(refuse('operators_only'))
  }

  @NeedsScope('models:read')
  @Delete('delete')
  delete(): never {
    throw new RefusalError(refuse('operators_only'))
  }
}

function tagOf(model: CatalogModel): Record<string, unknown> {
  const name = model.name.includes(':') ? model.name : `${model.name}:latest`
  return { name, model: name, modified_at: model.updatedAt.toISOString(), size: model.sizeBytes ?? 0, digest: entryDigest(model), details: detailsOf(model), capabilities: capabilitiesOf(model) }
}

function cardOf(model: CatalogModel): Record<string, unknown> {
  const { family } = model.details as { family?: string }
  const architecture = family ?? 'unknown'
  const context = model.contextLength ?? model.capabilities.contextLength
  return {
    modelfile: '',
    parameters: '',
    template: '',
    details: detailsOf(model),
    model_info: { 'general.architecture': architecture, 'general.basename': model.name, ...(context === null ? {} : { [`${architecture}.context_length`]: context }) },
    capabilities: capabilitiesOf(model),
    modified_at: model.updatedAt.toISOString(),
  }
}

function detailsOf(model: CatalogModel): Record<string, unknown> {
  const { format = '', family = '', parameter_size = '', quantization_level = '' } = model.details as Record<string, string | undefined>
  return { parent_model: '', format, family, families: family === '' ? null : [family], parameter_size, quantization_level }
}

function capabilitiesOf({ capabilities }: CatalogModel): string[] {
  const optional = (['vision', 'tools', 'embedding', 'thinking'] as const).filter((name) => capabilities[name])
  return [capabilities.embedding ? 'embedding' : 'completion', ...optional.filter((name) => name !== 'embedding')]
}

/** Clients cut twelve letters of a digest to show them. This one is of the catalogue entry: hosts hold the weights. */
function entryDigest({ name, updatedAt }: CatalogModel): string {
  return createHash('sha256').update(`${name}@${updatedAt.toISOString()}`).digest('hex')
}
