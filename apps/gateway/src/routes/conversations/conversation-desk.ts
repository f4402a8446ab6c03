import { Inject, Injectable } from '@nestjs/common'
import { SwitchService } from '@tollgate/chat'
import { ConversationsService, ownerOf, type Conversation, type NewConversation } from '@tollgate/conversations'
import { refuse, RefusalError, type Caller, type Refusal } from '@tollgate/kernel'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What the routes of conversations do for a caller, with refusals thrown for the filter. */
@Injectable()
export class ConversationDesk {
  constructor(
    private readonly conversations: ConversationsService,
    private readonly switching: SwitchService,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Makes one, if its model and regions could serve a first turn. */
  async open(caller: Caller, wanted: NewConversation): Promise<Conversation> {
    const outside = wanted.allowedRegions?.find((region) => !caller.tenant.allowedRegions.includes(region))
    if (outside !== undefined) throw new RefusalError(refuse('invalid_request', { reason: `allowed_regions: ${outside} is not a region of this account (${caller.tenant.allowedRegions.join(', ')})` }, { details: { param: 'allowed_regions' } }))
    let { model } = wanted
    if (model !== null) {
      const verdict = await this.switching.check(caller, { ...wanted, model, usesVision: false, usesTools: false }, [])
      if (verdict.kind === 'refused') throw new RefusalError(verdict.refusal)
      model = verdict.model
    }
    return this.ask(() => this.conversations.create(ownerOf(caller), { ...wanted, model }))
  }

  /** @throws RefusalError 404 for what is not there, has expired or is another's: the same words for each */
  async find(caller: Caller, id: string): Promise<Conversation> {
    return (ID.test(id) && (await this.ask(() => this.conversations.find(ownerOf(caller), id)))) || this.missing(id)
  }

  /** Switches the model if the new one can take the conversation over; nothing changes otherwise. */
  async switchModel(caller: Caller, id: string, model: string): Promise<{ model: string; warning: string | null }> {
    const conversation = await this.find(caller, id)
    const history = await this.ask(() => this.conversations.turnsOf(ownerOf(caller), conversation))
    const verdict = await this.switching.check(caller, { ...conversation, model }, history)
    if (verdict.kind === 'refused') throw new RefusalError(verdict.refusal)
    if (!(await this.ask(() => this.conversations.switchModel(ownerOf(caller), id, verdict.model)))) this.missing(id)
    return verdict
  }

  async remove(caller: Caller, id: string): Promise<void> {
    if (!ID.test(id) || !(await this.ask(() => this.conversations.remove(ownerOf(caller), id)))) this.missing(id)
  }

  /** Runs a read or change; what its store cannot do is 503 and in the log, without a word of the text. */
  async ask<T>(work: () => Promise<T | Refusal>): Promise<T> {
    const answer = await work().catch((error: Error) => {
      this.logger.warn({ reason: error.message }, 'conversations not reached')
      return refuse('conversations_unavailable', {}, { retryAfterSeconds: 2 })
    })
    if (isRefusal(answer)) throw new RefusalError(answer)
    return answer
  }

  private missing(id: string): never {
    throw new RefusalError(refuse('object_not_found', { object: 'Conversation', name: id.slice(0, 100) }))
  }
}

function isRefusal(answer: unknown): answer is Refusal {
  return typeof answer === 'object' && answer !== null && 'code' in answer && 'status' in answer
}
