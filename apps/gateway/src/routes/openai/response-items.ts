import type { ChatEvent } from '@tollgate/kernel'

/** An event of a response's stream, without its sequence number. */
export interface ResponseEvent {
  readonly type: string
  readonly [field: string]: unknown
}

type Item = { id: string; type: string; status: 'in_progress' | 'completed' | 'incomplete'; [field: string]: unknown }

interface OpenItem {
  readonly item: Item
  /** Index of the tool call; -1 for text, -2 for reasoning. */
  readonly key: number
  text: string
}

const TEXT = -1
const REASONING = -2

/**
 * Builds the output items of a response from the corridor's events, and tells each step as the stream's events: an item
 * is added, its deltas follow, it is done before the next one begins.
 */
export class ResponseItems {
  readonly output: Item[] = []
  private open: OpenItem | null = null

  /** @param idPrefix makes ids of ours that differ between requests @param emit takes each event; answers false when the reader is slow */
  constructor(
    private readonly idPrefix: string,
    private readonly emit: (event: ResponseEvent) => boolean,
  ) {}

  push(event: ChatEvent): boolean {
    const key = event.kind === 'text' ? TEXT : event.kind === 'reasoning' ? REASONING : event.index
    if (this.open?.key !== key) this.begin(key, event)
    const open = this.open!
    const delta = event.kind === 'tool_call' ? (event.arguments ?? '') : event.text
    open.text += delta
    if (delta === '') return true
    return this.emit({ type: DELTAS[kindOf(key)], ...this.place(key), delta, ...(key === TEXT ? { logprobs: [] } : {}) })
  }

  /** Ends the last item. An answer without any is one empty message. */
  finish(isCut: boolean): void {
    if (!this.open && this.output.length === 0) this.begin(TEXT, { kind: 'text', text: '', choice: 0 })
    this.close(isCut ? 'incomplete' : 'completed')
  }

  private begin(key: number, event: ChatEvent): void {
    this.close('completed')
    const id = `${PREFIXES[kindOf(key)]}_${this.idPrefix}${this.output.length}`
    const item: Item =
      key === TEXT
        ? { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] }
        : key === REASONING
          ? { id, type: 'reasoning', status: 'in_progress', summary: [], content: [] }
          : { id, type: 'function_call', status: 'in_progress', call_id: (event as { id?: string }).id ?? id, name: (event as { name?: string }).name ?? '', arguments: '' }
    this.output.push(item)
    this.open = { item, key, text: '' }
    this.emit({ type: 'response.output_item.added', output_index: this.output.length - 1, item: { ...item } })
    if (key < 0) this.emit({ type: 'response.content_part.added', ...this.place(key), part: partOf(key, '') })
  }

  private close(status: Item['status']): void {
    const { open } = this
    if (!open) return
    const { item, key, text } = open
    item.status = status
    if (key < 0) item.content = [partOf(key, text)]
    else item.arguments = text === '' ? '{}' : text
    if (key === TEXT) this.emit({ type: 'response.output_text.done', ...this.place(key), text, logprobs: [] })
    if (key === REASONING) this.emit({ type: 'response.reasoning_text.done', ...this.place(key), text })
    if (key < 0) this.emit({ type: 'response.content_part.done', ...this.place(key), part: partOf(key, text) })
    else this.emit({ type: 'response.function_call_arguments.done', ...this.place(key), name: item.name, arguments: item.arguments })
    this.emit({ type: 'response.output_item.done', output_index: this.output.length - 1, item: { ...item } })
    this.open = null
  }

  private place(key: number): Record<string, unknown> {
    return { item_id: this.open!.item.id, output_index: this.output.length - 1, ...(key < 0 ? { content_index: 0 } : {}) }
  }
}

type Kind = 'text' | 'reasoning' | 'call'
const PREFIXES: Readonly<Record<Kind, string>> = { text: 'msg', reasoning: 'rs', call: 'fc' }
const DELTAS: Readonly<Record<Kind, string>> = { text: 'response.output_text.delta', reasoning: 'response.reasoning_text.delta', call: 'response.function_call_arguments.delta' }

function kindOf(key: number): Kind {
  return key === TEXT ? 'text' : key === REASONING ? 'reasoning' : 'call'
}

function partOf(key: number, text: string): Record<string, unknown> {
  return key === TEXT ? { type: 'output_text', text, annotations: [], logprobs: [] } : { type: 'reasoning_text', text }
}
