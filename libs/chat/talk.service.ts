import { Injectable } from '@nestjs/common'
import { ownerOf, promptOf, TurnsService, type OpenTurn } from '@tollgate/conversations'
import type { ChatEvent, ChatMessage, ChatRequest } from '@tollgate/kernel'
import { AccessService } from './access.service'
import type { ChatReply, ChatResult, ServedBy } from './chat-result'
import type { ChatCall } from './chat.service'
import { ContextService } from './context.service'
import { ToolsService } from './tools.service'

const NOT_KEPT = 'this turn was not kept in the conversation, which was deleted or taken over meanwhile'
const PERHAPS_NOT_KEPT = 'this turn may be missing from the conversation: its store did not answer in time'

/**
 * A call as a turn of a stored conversation: take it → put its history before the question, as much as the model's
 * context holds → serve like any other call → keep question and answer. Only an answer that completed is kept; whatever
 * happens to the store after that, the call is billed the same.
 */
@Injectable()
export class TalkService {
  constructor(
    private readonly tools: ToolsService,
    private readonly access: AccessService,
    private readonly contexts: ContextService,
    private readonly turns: TurnsService,
  ) {}

  /** @param id of the conversation, as the caller wrote it */
  async serve(call: ChatCall, id: string): Promise<ChatResult> {
    const open = await this.turns.begin(ownerOf(call.caller), id, call.rid)
    if (open.kind === 'refused') return open
    let isKept = false
    try {
      const request = this.withPlace(call, open)
      const selection = await this.access.select(call.caller, request)
      if (selection.kind === 'refused') return selection
      const { conversation, history } = open
      const { messages, asked, kept } = promptOf(conversation.system, history, request.messages, { contextLength: this.contexts.least(selection), maxTokens: request.maxTokens })
      const leftOut = conversation.turns - kept
      const reply = new HeardReply(call.reply)
      const result = await this.tools.serve({ ...call, reply, request: { ...request, messages, bodyBytes: request.bodyBytes + addedBytes(messages, request.messages) } })
      if (result.kind !== 'completed') return result
      isKept = true
      const stored = await this.turns.keep(open, { messages: asked, answer: reply.text }, result.served.model)
      return { ...result, warnings: [...result.warnings, ...(leftOut > 0 ? [leftOutWarning(leftOut, result.served.model)] : []), ...(stored === true ? [] : [stored === 'unknown' ? PERHAPS_NOT_KEPT : NOT_KEPT])] }
    } finally {
      if (!isKept) await this.turns.release(open)
    }
  }

  /** Model, project and regions of the conversation, where the caller names none. */
  private withPlace({ caller, request }: ChatCall, { conversation }: OpenTurn): ChatRequest {
    return {
      ...request,
      model: request.model ?? conversation.model,
      project: request.project ?? caller.projects.find(({ id }) => id === conversation.projectId)?.slug ?? null,
      ...(conversation.allowedRegions ? { allowedRegions: conversation.allowedRegions } : {}),
    }
  }
}

/** What a caller is told of turns that a model's context does not hold. */
export function leftOutWarning(turns: number, model: string): string {
  return turns === 1 ? `the oldest turn of the conversation was left out: it does not fit the context of ${model}` : `the ${turns} oldest turns of the conversation were left out: they do not fit the context of ${model}`
}

/** Bytes that the prompt has more than the body had: the reservation counts them too. */
function addedBytes(messages: readonly ChatMessage[], sent: readonly ChatMessage[]): number {
  return Math.max(0, Buffer.byteLength(JSON.stringify(messages)) - Buffer.byteLength(JSON.stringify(sent)))
}

/** Passes a reply on and remembers its text. */
class HeardReply implements ChatReply {
  text = ''

  constructor(private readonly reply: ChatReply) {}

  get takesSeals(): boolean {
    return this.reply.takesSeals === true
  }

  begin(served: ServedBy): void {
    this.reply.begin(served)
  }

  push(event: ChatEvent): boolean {
    if (event.kind === 'text' && event.choice === 0) this.text += event.text
    return this.reply.push(event)
  }

  onDrain(resume: () => void): void {
    this.reply.onDrain(resume)
  }
}
