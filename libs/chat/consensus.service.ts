import { Inject, Injectable } from '@nestjs/common'
import { addUsage, refuse, type Caller, type ChatEvent, type ChatRequest, type Ids, type Refusal } from '@tollgate/kernel'
import { IDS } from '@tollgate/platform/clock'
import { TiersService } from '@tollgate/tiers'
import { AccessService } from './access.service'
import type { ChatReply, ChatResult, CompletedChat } from './chat-result'
import { ChatService, type ChatCall } from './chat.service'
import type { Child, Consensus } from './consensus'
import { ConsensusTrace } from './consensus-trace'
import { chosenBy, judgePrompt, vote } from './vote'

/** A tier that says `consensus: true` allows so many models at once; it may say a number of its own. */
const MOST_MODELS = 5
const JUDGE_MAX_TOKENS = 512

/** Whom to ask, and who decides. */
export interface ConsensusWish {
  readonly models: readonly string[]
  /** Null: the answers are counted. */
  readonly judge: string | null
}

/**
 * One question to several models. Every model's answer, and the judge's word, is a call of its own through the corridor:
 * admitted, limited, billed and recorded by itself. The parent's bill is their sum. A model that fails leaves a warning
 * as long as another answers; a judge that fails leaves the decision to the count. Where no store took a call's usage there
 * is no sum to tell, so there is no answer.
 */
@Injectable()
export class ConsensusService {
  constructor(
    private readonly chat: ChatService,
    private readonly access: AccessService,
    private readonly tiers: TiersService,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @param call of the parent; its first child goes by the parent's request id, so an Idempotency-Key finds it in the books */
  async serve(call: ChatCall, wish: ConsensusWish): Promise<Consensus> {
    const refusal = await this.refusal(call, wish)
    if (refusal) return none({ kind: 'refused', refusal }, [])
    const trace = new ConsensusTrace(call.rid)
    try {
      const consensus = await this.decide(call, wish, trace)
      trace.note(consensus)
      return consensus
    } finally {
      trace.release()
    }
  }

  private async decide(call: ChatCall, wish: ConsensusWish, trace: ConsensusTrace): Promise<Consensus> {
    const later = (role: 'answer' | 'judge') => ({ ...call, rid: this.ids.uuid(), part: trace.later(role) })
    const children = await Promise.all(wish.models.map((model, index) => this.ask(index === 0 ? { ...call, part: trace } : later('answer'), { ...call.request, model })))
    const answered = children.filter(({ result }) => result.kind === 'completed')
    if (children.some(({ isUnrecorded }) => isUnrecorded)) return none({ kind: 'unrecorded' }, children)
    if (answered.length === 0) return none(children[0]!.result, children)
    const warnings = children.flatMap(({ model, result }) => (result.kind === 'completed' ? result.warnings : [`${model} did not answer: ${result.refusal.message}`]))
    const counted = vote(answered.map(({ text }) => text))
    const { judge, choice } = wish.judge === null || answered.length === 1 ? { judge: null, choice: null } : await this.judge(later('judge'), wish.judge, answered)
    if (judge?.isUnrecorded) return none({ kind: 'unrecorded' }, children)
    if (judge && choice === null) warnings.push(`the judge ${judge.model} chose no answer, so the answers were counted`)
    const winner = answered[choice ?? counted.index]!
    const parts = [...answered, ...(judge?.result.kind === 'completed' ? [judge] : [])].map(({ result }) => result as CompletedChat)
    return { result: together(winner.result as CompletedChat, parts, warnings), children, judge, chosen: children.indexOf(winner), votes: counted.votes, method: choice === null ? 'vote' : 'judge' }
  }

  /** All or nothing before the first call: the tier's word, and every model and the judge within reach. */
  private async refusal({ caller, request }: ChatCall, { models, judge }: ConsensusWish): Promise<Refusal | null> {
    const most = this.most(caller)
    if (most === 0) {
      const availableIn = this.tiers.all().filter(({ features }) => mostModels(features.consensus) > 0).map(({ slug }) => slug)
      return refuse('feature_not_in_tier', { feature: 'Consensus', tier: caller.tenant.tier }, { details: { available_in: availableIn } })
    }
    if (models.length > most) return refuse('invalid_request', { reason: `models: the ${caller.tenant.tier} tier asks at most ${most} models at once` }, { details: { param: 'models' } })
    const resolved = new Set<string>()
    for (const model of [...models, ...(judge === null ? [] : [judge])]) {
      const selection = await this.access.select(caller, { ...request, model })
      if (selection.kind === 'refused') return selection.refusal
      if (resolved.has(selection.model.name) && resolved.size < models.length) return refuse('invalid_request', { reason: `models: ${model} is ${selection.model.name}, which is asked already` }, { details: { param: 'models' } })
      resolved.add(selection.model.name)
    }
    return null
  }

  private most(caller: Caller): number {
    return mostModels(this.tiers.get(caller.tenant.tier).features.consensus)
  }

  private async judge(call: ChatCall, model: string, answered: readonly Child[]): Promise<{ judge: Child; choice: number | null }> {
    const question = call.request.messages.map(({ content }) => (typeof content === 'string' ? content : (content ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('\n'))).join('\n')
    const { system, message } = judgePrompt(question, answered.map(({ text }) => text))
    const request: ChatRequest = { ...call.request, model, maxTokens: JUDGE_MAX_TOKENS, parameters: { temperature: 0 }, messages: [{ role: 'system', content: system }, { role: 'user', content: message }], bodyBytes: Buffer.byteLength(system) + Buffer.byteLength(message) + 100 }
    const judge = await this.ask(call, request)
    return { judge, choice: judge.result.kind === 'completed' ? chosenBy(judge.text, answered.length) : null }
  }

  /** One child by its own request id. It stops when the parent does; stopping it alone stops no other. */
  private async ask(parent: ChatCall, request: ChatRequest): Promise<Child> {
    const requestId = parent.rid
    const stop = new AbortController()
    const end = () => stop.abort()
    if (parent.stop.signal.aborted) end()
    parent.stop.signal.addEventListener('abort', end, { once: true })
    const reply = new QuietReply()
    try {
      const result = await this.chat.serve({ ...parent, request: { ...request, stream: false }, reply, stop })
      const isWhole = result.kind === 'completed'
      return { model: isWhole ? result.served.model : request.model!, requestId, isUnrecorded: result.kind === 'unrecorded', text: isWhole ? reply.text : '', result: isWhole ? result : { kind: 'refused', refusal: result.kind === 'unrecorded' ? refuse('usage_unavailable', {}, { retryAfterSeconds: 5 }) : result.refusal } }
    } finally {
      parent.stop.signal.removeEventListener('abort', end)
    }
  }
}

/** `features.consensus` of a tier: true, or the most models at once. Anything else = no. */
function mostModels(feature: unknown): number {
  if (feature === true) return MOST_MODELS
  return typeof feature === 'number' && Number.isInteger(feature) && feature >= 2 ? Math.min(feature, 20) : 0
}

function none(result: ChatResult, children: readonly Child[]): Consensus {
  return { result, children, judge: null, chosen: null, votes: 0, method: 'vote' }
}

/** The parent as a call: served by whoever won, used and billed what all did, as long as it all took. */
function together(winner: CompletedChat, parts: readonly CompletedChat[], warnings: readonly string[]): CompletedChat {
  return { ...winner, usage: parts.map(({ usage }) => usage).reduce(addUsage), costPico: parts.reduce((sum, { costPico }) => sum + costPico, 0n), warnings: [...new Set(warnings)] }
}

/** Hears an answer and passes nothing on. */
class QuietReply implements ChatReply {
  text = ''

  begin(): void {}

  push(event: ChatEvent): boolean {
    if (event.kind === 'text' && event.choice === 0) this.text += event.text
    return true
  }

  onDrain(): void {}
}
