import type { ChatResult, CompletedChat, ServedBy } from '@tollgate/chat'
import { decimalFromPico, type ChatEvent } from '@tollgate/kernel'
import { errorBody, SseStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import type { CollectedReply } from '../collected-reply'
import type { StreamedReply } from '../inference'
import { completedHeaders, servedHeaders } from '../served-headers'
import { anthropicUsage, MessageBlocks, stopReasonOf, type MessageEvent } from './openai_anthropic'

const PING = `event: ping\ndata: {"type":"ping"}\n\n`

/** Identity of a message: our own id, never the upstream's; and what the caller is told beside the answer. */
export interface MessageHead {
  readonly id: string
  readonly warnings: readonly string[]
  /** The caller's: only one of these is ever told back. */
  readonly stopSequences: readonly string[]
  /** Likely tokens of the prompt: what a stream says at its start, before the provider has counted. */
  readonly likelyInputTokens: number
}

/** `request-id` is the name that Anthropic's clients read. */
export function messageHeaders(http: HttpRequest, result: CompletedChat): Record<string, string> {
  return { ...completedHeaders(result), 'request-id': http.id }
}

/** A whole message. */
export function messageOf(head: MessageHead, result: CompletedChat, collected: CollectedReply): Record<string, unknown> {
  const blocks = new MessageBlocks(() => true)
  for (const event of collected.all()) blocks.push(event)
  blocks.finish()
  return { id: head.id, type: 'message', role: 'assistant', model: result.served.model, content: blocks.content, ...stopOf(head, result), usage: usageOf(result), ...warningsOf(head, result) }
}

/** A stream of named events: the message starts, its blocks follow, `message_delta` tells the end and the usage. */
export class MessageStreamReply implements StreamedReply {
  stream: SseStream | null = null
  private hasBegun = false
  readonly takesSeals = true
  private readonly blocks = new MessageBlocks((event) => this.send(event))

  constructor(
    private readonly http: HttpRequest,
    private readonly reply: HttpReply,
    private readonly head: MessageHead,
  ) {}

  begin(served: ServedBy): void {
    this.hasBegun = true
    this.open(servedHeaders(served))
    const usage = { input_tokens: this.head.likelyInputTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 }
    this.send({ type: 'message_start', message: { id: this.head.id, type: 'message', role: 'assistant', model: served.model, content: [], stop_reason: null, stop_sequence: null, usage } })
    this.send({ type: 'ping' })
  }

  ping(): void {
    this.open({}).ping()
  }

  private open(headers: Readonly<Record<string, string | number>>): SseStream {
    return (this.stream ??= new SseStream(this.reply.raw, { 'x-request-id': this.http.id, 'request-id': this.http.id, ...headers }, PING))
  }

  push(event: ChatEvent): boolean {
    return this.blocks.push(event)
  }

  onDrain(resume: () => void): void {
    this.stream!.onDrain(resume)
  }

  finish(result: CompletedChat): void {
    if (!this.hasBegun) this.begin(result.served)
    this.blocks.finish()
    this.send({ type: 'message_delta', delta: stopOf(this.head, result), usage: usageOf(result), ...warningsOf(this.head, result) })
    this.send({ type: 'message_stop' })
    this.stream!.end(false)
  }

  /** The message will not become whole: an error event and no `message_stop`, or a cut when its usage is not recorded. */
  break(result: Exclude<ChatResult, { kind: 'completed' }>): void {
    if (result.kind === 'unrecorded') return this.stream!.destroy()
    this.stream!.sendEvent('error', errorBody(result.refusal, 'anthropic', this.http.id))
    this.stream!.end(false)
  }

  private send(event: MessageEvent): boolean {
    return this.stream!.sendEvent(event.type, event)
  }
}

/** Most providers do not tell a stop sequence from the end of a turn: then it is the latter. */
function stopOf({ stopSequences }: MessageHead, { finishReason, stopSequence }: CompletedChat): Record<string, unknown> {
  if (finishReason === 'stop' && stopSequence !== null && stopSequences.includes(stopSequence)) return { stop_reason: 'stop_sequence', stop_sequence: stopSequence }
  return { stop_reason: stopReasonOf(finishReason), stop_sequence: null }
}

/** Anthropic's counts, with cost as an extension. */
function usageOf({ usage, costPico, currency }: CompletedChat): Record<string, unknown> {
  return { ...anthropicUsage(usage), cost: decimalFromPico(costPico), currency, source: usage.source }
}

function warningsOf(head: MessageHead, result: CompletedChat): Record<string, unknown> {
  const warnings = [...head.warnings, ...result.warnings]
  return warnings.length > 0 ? { warnings } : {}
}
