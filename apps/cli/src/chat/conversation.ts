import type { Gateway } from '../gateway'

/** What an answer ends with: the last event of `/chat`, beside its text. */
export interface Answer {
  readonly response: string
  readonly model: string
  readonly host: string
  readonly finish_reason: string
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number; readonly cost: string; readonly currency: string }
  readonly duration_ms: number
  readonly request_id: string
  readonly warnings?: readonly string[]
}

/** Settings of a chat that each of its calls repeats. */
export interface ChatSettings {
  readonly system?: string
  readonly temperature?: number
  readonly max_tokens?: number
  readonly project?: string
}

interface Turn {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

type Event = { readonly delta: string; readonly done?: undefined } | (Omit<Answer, 'response'> & { readonly done: true })

/** Turns so far, and the model that gets them. What was said stays when the model changes. */
export class Conversation {
  /** null = the server chooses. */
  model: string | null
  private turns: Turn[] = []

  constructor(
    private readonly gateway: Gateway,
    model: string | null,
    private readonly settings: ChatSettings,
  ) {
    this.model = model
  }

  /**
   * Asks, and hands over the text as it comes. A turn without an answer is forgotten, so that it can be asked again; of
   * one that was stopped, what had been said is kept.
   * @throws what Gateway throws; AbortError when `signal` stopped it
   */
  async ask(message: string, onText: (text: string) => void, signal: AbortSignal): Promise<Answer> {
    const asked: Turn = { role: 'user', content: message }
    let response = ''
    try {
      for await (const event of this.gateway.events<Event>('/chat', { ...this.settings, messages: [...this.turns, asked], ...(this.model === null ? {} : { model: this.model }), stream: true }, signal)) {
        if (event.done) {
          const { done: _, ...summary } = event
          this.turns.push(asked, { role: 'assistant', content: response })
          return { response, ...summary }
        }
        response += event.delta
        if (event.delta !== '') onText(event.delta)
      }
    } catch (error) {
      // Cut in the middle of a body, a connection only says that it was reset.
      if (!signal.aborted) throw error
      if (response !== '') this.turns.push(asked, { role: 'assistant', content: response })
      throw signal.reason
    }
    throw new Error('a stream of /chat ended without its last event')
  }

  /** Forgets what was said. */
  clear(): void {
    this.turns = []
  }
}
