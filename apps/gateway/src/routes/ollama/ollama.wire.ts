import type { CompletedChat, ServedBy } from '@tollgate/chat'
import { decimalFromPico, type ChatEvent, type TokenLogprob } from '@tollgate/kernel'
import { NdjsonStream, type HttpReply, type HttpRequest } from '@tollgate/platform/http'
import { CollectedReply } from '../collected-reply'
import type { StreamedReply } from '../inference'
import { servedHeaders } from '../served-headers'

/** How one of Ollama's two answers holds its text: `message` of a chat, `response` of a generation. */
export type OllamaForm = 'chat' | 'generate'

const NS_PER_MS = 1_000_000

/** What every line of an answer begins with. `model` is the caller's own spelling, as Ollama echoes it. */
export interface OllamaHead {
  readonly form: OllamaForm
  readonly model: string
  readonly createdAt: string
}

/** A piece of an answer. Tool calls are whole: Ollama never sends fragments of arguments. */
export interface OllamaPiece {
  readonly text: string
  readonly thinking?: string
  readonly toolCalls?: readonly unknown[]
  readonly logprobs?: readonly TokenLogprob[]
}

export function ollamaLine({ form, model, createdAt }: OllamaHead, { text, thinking, toolCalls, logprobs }: OllamaPiece): Record<string, unknown> {
  const extra = { ...(thinking ? { thinking } : {}), ...(toolCalls && toolCalls.length > 0 ? { tool_calls: toolCalls } : {}) }
  const head = { model, created_at: createdAt }
  const tail = { done: false, ...(logprobs && logprobs.length > 0 ? { logprobs } : {}) }
  return form === 'chat' ? { ...head, message: { role: 'assistant', content: text, ...extra }, ...tail } : { ...head, response: text, ...extra, ...tail }
}

/** The end of an answer: why it ended, counts, durations in ns; cost and request id are additions. */
export function ollamaEnd(result: CompletedChat, requestId: string, warnings: readonly string[]): Record<string, unknown> {
  const firstMs = Math.min(result.firstEventMs ?? result.durationMs, result.durationMs)
  return {
    done: true,
    done_reason: result.finishReason === 'length' ? 'length' : 'stop',
    total_duration: Math.round(result.durationMs * NS_PER_MS),
    load_duration: 0,
    prompt_eval_count: result.usage.promptTokens,
    prompt_eval_duration: Math.round(firstMs * NS_PER_MS),
    eval_count: result.usage.completionTokens,
    eval_duration: Math.round((result.durationMs - firstMs) * NS_PER_MS),
    cost: decimalFromPico(result.costPico),
    currency: result.currency,
    request_id: requestId,
    ...(warnings.length > 0 ? { warnings } : {}),
  }
}

/** Tool calls as Ollama writes them: arguments are an object, not text. */
export function ollamaToolCalls(collected: CollectedReply): unknown[] {
  return collected.choice(0).toolCalls.map(({ id, name, arguments: text }, index) => ({ id, function: { index, name, arguments: parsed(text) } }))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text || '{}')
  } catch {
    return { value: text }
  }
}

/** An NDJSON stream. Text and thinking go out as they come; tool calls are put together and go out before the end. */
export class OllamaStreamReply implements StreamedReply {
  stream: NdjsonStream | null = null
  private readonly tools = new CollectedReply()
  /** All of a line of plain text before and behind that text. */
  private frame: readonly [before: string, behind: string] | null = null

  constructor(
    private readonly http: HttpRequest,
    private readonly reply: HttpReply,
    private readonly head: OllamaHead,
  ) {}

  begin(served: ServedBy): void {
    this.open(servedHeaders(served))
  }

  /** A piece without text: the one line that says nothing and that every client of Ollama reads. */
  ping(): void {
    this.open({}).ping(ollamaLine(this.head, { text: '' }))
  }

  private open(headers: Readonly<Record<string, string | number>>): NdjsonStream {
    return (this.stream ??= new NdjsonStream(this.reply.raw, { 'x-request-id': this.http.id, ...headers }))
  }

  push(event: ChatEvent): boolean {
    if (event.kind === 'tool_call') return this.tools.push(event)
    if (event.kind === 'text' && !event.logprobs) return this.text(event.text)
    return this.stream!.send(ollamaLine(this.head, event.kind === 'text' ? { text: event.text, logprobs: event.logprobs } : { text: '', thinking: event.text }))
  }

  /** Nearly all lines differ in their text alone, so all else of them is written once. */
  private text(text: string): boolean {
    const [before, behind] = (this.frame ??= this.frameOfText())
    return this.stream!.sendJson(before + JSON.stringify(text) + behind)
  }

  private frameOfText(): readonly [string, string] {
    const json = JSON.stringify(ollamaLine(this.head, { text: '' }))
    const field = this.head.form === 'chat' ? '"content":' : '"response":'
    const at = json.lastIndexOf(`${field}""`) + field.length
    return [json.slice(0, at), json.slice(at + 2)]
  }

  onDrain(resume: () => void): void {
    this.stream!.onDrain(resume)
  }

  finish(result: CompletedChat, warnings: readonly string[]): void {
    if (!this.stream) this.begin(result.served)
    const toolCalls = ollamaToolCalls(this.tools)
    if (toolCalls.length > 0) this.stream!.send(ollamaLine(this.head, { text: '', toolCalls }))
    this.stream!.end({ ...ollamaLine(this.head, { text: '' }), ...ollamaEnd(result, this.http.id, warnings) })
  }

  /** The answer will not become whole: an error line and no `done`, or a cut when its usage is not recorded. */
  break(error: Record<string, unknown> | null): void {
    if (error) this.stream!.end(error)
    else this.stream!.destroy()
  }
}
