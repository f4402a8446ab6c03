import { Inject, Injectable } from '@nestjs/common'
import { HostsService } from '@tollgate/hosts'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { Candidate } from '@tollgate/routing'
import type { Selection } from './access.service'
import { contextAt } from './loading'

/** A token is rarely less. */
const BYTES_PER_TOKEN = 3

/** How many tokens a model holds where it is served. */
@Injectable()
export class ContextService {
  constructor(
    private readonly hosts: HostsService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  /** The least over all places the call may go to: what fits there fits every fallback. Without what the model's own prompt takes. Null = nobody tells. */
  least(selection: Selection): number | null {
    const { prompt, namedPrompt } = selection.model
    const promptTokens = Math.ceil(Buffer.byteLength(namedPrompt?.text ?? prompt ?? '') / BYTES_PER_TOKEN)
    const known = this.places(selection).flatMap(({ provider }) => contextAt(selection.model, provider, this.config) ?? [])
    const least = known.length === 0 ? selection.model.contextLength : Math.min(...known)
    return least === null ? null : Math.max(0, least - promptTokens)
  }

  /** Deployments in the regions the call may go to. */
  places({ model, allowedRegions }: Pick<Selection, 'model' | 'allowedRegions'>): Candidate[] {
    return this.hosts.candidates(model.name).filter(({ region }) => allowedRegions.includes(region))
  }
}
