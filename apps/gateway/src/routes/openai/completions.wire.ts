import type { CompletedChat, ServedBy } from '@tollgate/chat'
import type { ChatEvent, TokenLogprob } from '@tollgate/kernel'
import { SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { CollectedReply } from '../collected-reply'
import type { StreamedReply } from '../inference'
import { servedHeaders } from '../served-headers'
import { usageOf, warningsOf, type CompletionHead } from './chat-completions.wire'

const OBJECT = 'text_completion'

/** A whole legacy completion. @param echo what each choice begins with */
export function textCompletionOf(head: CompletionHead, result: CompletedChat, collected: CollectedReply, echo: string): Record<string, unknown> {
  const choices = result.finishReasons.map((finishReason, index) => {
    const { text, logprobs } = collected.choice(index)
    return { text: echo + text, index, logprobs: logprobs.length > 0 ? legacyLogprobs(logprobs, 0) : null, finish_reason: finishReason }
  })
  return { id: head.id, object: OBJECT, created: head.created, model: result.served.model, choices, usage: usageOf(result), ...warningsOf(result, head.notes) }
}

/** A stream of legacy completions: chunks carry the same object name. */
export class TextCompletionStreamReply implements StreamedReply {
  stream: SseStream | null = null
  private hasBegun = false
  private model = ''
  /** Characters of each choice that log probabilities were told of. */
  private readonly offsets = new Map<number, number>()

  constructor(
    private readonly http: HttpRequest,
    private readonly reply: HttpReply,
    private readonly head: CompletionHead,
    private readonly includesUsage: boolean,
    private readonly echo: { readonly text: string; readonly choices: number },
  ) {}

  begin(served: ServedBy): void {
    this.model = served.model
    this.hasBegun = true
    this.open(servedHeaders(served))
    const { text, choices } = this.echo
    if (text !== '') for (let index = 0; index < choices; index++) this.chunk([{ text, index, logprobs: null, finish_reason: null }], null)
  }

  ping(): void {
    this.open({}).ping()
  }

  private open(headers: Readonly<Record<string, string | number>>): SseStream {
    return (this.stream ??= new SseStream(this.reply.raw, { 'x-request-id': this.http.id, ...headers }))
  }

  push(event: ChatEvent): boolean {
    if (event.kind !== 'text') return true
    return this.chunk([{ text: event.text, index: event.choice, logprobs: event.logprobs ? this.logprobsOf(event.choice, event.logprobs) : null, finish_reason: null }], null)
  }

  onDrain(resume: () => void): void {
    this.stream!.onDrain(resume)
  }

  /** The last chunks: the finish reason of each choice, with warnings beside the last, then usage when the caller asked for it, then `[DONE]`. */
  finish(result: CompletedChat): void {
    if (!this.hasBegun) this.begin(result.served)
    const last = result.finishReasons.length - 1
    for (const [index, reason] of result.finishReasons.entries()) this.chunk([{ text: '', index, logprobs: null, finish_reason: reason }], null, index === last ? warningsOf(result, this.head.notes) : {})
    if (this.includesUsage) this.chunk([], usageOf(result))
    this.stream!.end(true)
  }

  private logprobsOf(choice: number, tokens: readonly TokenLogprob[]): LegacyLogprobs {
    const from = this.offsets.get(choice) ?? 0
    this.offsets.set(choice, tokens.reduce((sum, { token }) => sum + token.length, from))
    return legacyLogprobs(tokens, from)
  }

  private chunk(choices: unknown[], usage: unknown, extra: Record<string, unknown> = {}): boolean {
    const { id, created } = this.head
    return this.stream!.send({ id, object: OBJECT, created, model: this.model, choices, ...extra, ...(this.includesUsage ? { usage } : {}) })
  }
}

/** The older shape: four lists of equal length. `text_offset` counts characters of the answer. */
interface LegacyLogprobs {
  readonly tokens: readonly string[]
  readonly token_logprobs: readonly number[]
  readonly top_logprobs: readonly Readonly<Record<string, number>>[]
  readonly text_offset: readonly number[]
}

function legacyLogprobs(given: readonly TokenLogprob[], from: number): LegacyLogprobs {
  let at = from
  return {
    tokens: given.map(({ token }) => token),
    token_logprobs: given.map(({ logprob }) => logprob),
    top_logprobs: given.map(({ top_logprobs: others }) => Object.fromEntries(others.map(({ token, logprob }) => [token, logprob]))),
    text_offset: given.map(({ token }) => (at += token.length) - token.length),
  }
}
