import { Injectable } from '@nestjs/common'
import { turnsLeftOut, type Conversation, type Turn } from '@tollgate/conversations'
import { refuse, type Caller, type Refusal } from '@tollgate/kernel'
import { AccessService } from './access.service'
import { ContextService } from './context.service'
import { leftOutWarning } from './talk.service'

const RETRY_AFTER_SECONDS = 5

/** What becomes of a wish to use another model from now on. */
export type SwitchVerdict = { readonly kind: 'fit'; readonly model: string; readonly warning: string | null } | { readonly kind: 'refused'; readonly refusal: Refusal }

/** May a conversation go on with a model (product.md 2.5): exists, tier, region, live, vision and tools as used; else a warning. */
@Injectable()
export class SwitchService {
  constructor(
    private readonly access: AccessService,
    private readonly contexts: ContextService,
  ) {}

  /** @param model as the caller wrote it: the answer has its canonical name @param history the turns it would have to hold */
  async check(caller: Caller, wanted: Pick<Conversation, 'allowedRegions' | 'usesVision' | 'usesTools' | 'projectId'> & { readonly model: string }, history: readonly Turn[]): Promise<SwitchVerdict> {
    const project = caller.projects.find(({ id }) => id === wanted.projectId)?.slug ?? null
    const selection = await this.access.select(caller, { model: wanted.model, project, ...(wanted.allowedRegions ? { allowedRegions: wanted.allowedRegions } : {}) })
    if (selection.kind === 'refused') return selection
    const { name, capabilities } = selection.model
    const lacks = (words: string): SwitchVerdict => ({ kind: 'refused', refusal: refuse('switch_refused', { model: name, reason: words }) })
    if (wanted.usesVision && capabilities.isKnown && !capabilities.vision) return lacks('does not take images, and the conversation holds some')
    if (wanted.usesTools && capabilities.isKnown && !capabilities.tools) return lacks('does not call tools, and the conversation uses them')
    const places = this.contexts.places(selection)
    if (places.length === 0) return { kind: 'refused', refusal: refuse('model_not_available', { model: name }, { retryAfterSeconds: RETRY_AFTER_SECONDS }) }
    const leftOut = turnsLeftOut(history, this.contexts.least(selection))
    const warnings = [...(places.some(({ isHealthy }) => isHealthy) ? [] : [`every host of ${name} is unhealthy at the moment`]), ...(leftOut > 0 ? [leftOutWarning(leftOut, name)] : [])]
    return { kind: 'fit', model: name, warning: warnings.length > 0 ? warnings.join('; ') : null }
  }
}
