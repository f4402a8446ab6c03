import type { ChatEvent, TokenLogprob } from '@tollgate/kernel'
import { PartsInTurn, type OpenPart } from '../parts-in-turn'

/** An event of a response's stream, without its sequence number. */
export interface ResponseEvent {
  readonly type: string
  readonly [field: string]: unknown
}

type Item = { id: string; type: string; status: 'in_progress' | 'completed' | 'incomplete'; [field: string]: unknown }

interface OpenItem extends OpenPart {
  readonly item: Item
  readonly logprobs: TokenLogprob[]
}

const TEXT = -1
const REASONING = -2
const REFUSAL = -3

/**
 * Builds the output items of a response from the corridor's events, and tells each step as the stream's events: an item
 * is added, its deltas follow, it is done before the next one begins.
 */
export class ResponseItems extends PartsInTurn<OpenItem> {
  readonly output: Item[] = []

  /** @param idPrefix makes ids of ours that differ between requests @param emit takes each event; answers false when the reader is slow */
  constructor(
    private readonly idPrefix: string,
    private readonly emit: (event: ResponseEvent) => boolean,
  ) {
    super()
  }

  push(event: ChatEvent): boolean {
    // A seal is for the provider that thought.
    if (event.kind === 'reasoning' && event.seal) return true
    return this.take(keyOf(event), event)
  }

  /** Ends the last item. An answer without any is one empty message. */
  finish(isCut: boolean): void {
    this.flush(true)
    if (!this.open && this.output.length === 0) this.begin(TEXT, { kind: 'text', text: '', choice: 0 })
    this.close(isCut ? 'incomplete' : 'completed')
  }

  protected delta(event: ChatEvent): boolean {
    const { key } = this.open!
    const delta = event.kind === 'tool_call' ? (event.arguments ?? '') : event.text
    const logprobs = (event.kind === 'text' && event.logprobs) || []
    if (delta === '' && logprobs.length === 0) return true
    this.open!.text += delta
    this.open!.logprobs.push(...logprobs)
    return this.emit({ type: `response.${STEPS[kindOf(key)]}.delta`, ...this.place(key), delta, ...(key === TEXT ? { logprobs } : {}) })
  }

  protected begin(key: number, event: ChatEvent): void {
    this.close('completed')
    const id = `${PREFIXES[kindOf(key)]}_${this.idPrefix}${this.output.length}`
    const head = { id, status: 'in_progress' as const }
    const item: Item =
      event.kind === 'tool_call'
        ? { ...head, type: 'function_call', call_id: event.id ?? id, name: event.name ?? '', arguments: '' }
        : key === REASONING
          ? { ...head, type: 'reasoning', summary: [], content: [] }
          : { ...head, type: 'message', role: 'assistant', content: [] }
    this.output.push(item)
    this.open = { item, key, text: '', logprobs: [] }
    this.emit({ type: 'response.output_item.added', output_index: this.output.length - 1, item: { ...item } })
    if (key < 0) this.emit({ type: 'response.content_part.added', ...this.place(key), part: partOf(this.open) })
  }

  private close(status: Item['status']): void {
    const { open } = this
    if (!open) return
    const { item, key, text, logprobs } = open
    item.status = status
    if (key < 0) item.content = [partOf(open)]
    else item.arguments = text === '' ? '{}' : text
    const whole = key === TEXT ? { text, logprobs } : key === REASONING ? { text } : key === REFUSAL ? { refusal: text } : { name: item.name, arguments: item.arguments }
    this.emit({ type: `response.${STEPS[kindOf(key)]}.done`, ...this.place(key), ...whole })
    if (key < 0) this.emit({ type: 'response.content_part.done', ...this.place(key), part: partOf(open) })
    this.emit({ type: 'response.output_item.done', output_index: this.output.length - 1, item: { ...item } })
    this.leave()
  }

  private place(key: number): Record<string, unknown> {
    return { item_id: this.open!.item.id, output_index: this.output.length - 1, ...(key < 0 ? { content_index: 0 } : {}) }
  }
}

type Kind = 'text' | 'reasoning' | 'refusal' | 'call'
const PREFIXES: Readonly<Record<Kind, string>> = { text: 'msg', reasoning: 'rs', refusal: 'msg', call: 'fc' }
/** What the events of an item's growth are called. */
const STEPS: Readonly<Record<Kind, string>> = { text: 'output_text', reasoning: 'reasoning_text', refusal: 'refusal', call: 'function_call_arguments' }

function keyOf(event: ChatEvent): number {
  if (event.kind === 'tool_call') return event.index
  if (event.kind === 'reasoning') return REASONING
  return event.isRefusal ? REFUSAL : TEXT
}

function kindOf(key: number): Kind {
  return key === TEXT ? 'text' : key === REASONING ? 'reasoning' : key === REFUSAL ? 'refusal' : 'call'
}

function partOf({ key, text, logprobs }: OpenItem): Record<string, unknown> {
  if (key === REFUSAL) return { type: 'refusal', refusal: text }
  return key === TEXT ? { type: 'output_text', text, annotations: [], logprobs } : { type: 'reasoning_text', text }
}
