import type { ChatEvent, FinishReason, Pico, Refusal, ReplySink, Usage } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import type { AttemptOutcome } from '@tollgate/providers'
import type { SelectionNote } from '@tollgate/selection'

/** Who serves a call, as headers and replies name it. Known before the first event. */
export interface ServedBy {
  readonly model: string
  readonly requestedModel: string
  readonly provider: string
  readonly region: string
  readonly host: string
  readonly isSandbox: boolean
  readonly attempts: number
  /** Milliseconds between the request and its dispatch. */
  readonly queueMs: number
  readonly headroom: Reservation['headroom']
  /** Where the call stood in its model's line, and the wait that was estimated; absent when it did not wait. */
  readonly stood?: { readonly position: number; readonly estimateMs: number } | null
  /** Set when rules chose the model: wanted, used, because. */
  readonly selection: SelectionNote | null
}

/** Where the corridor sends a reply: `begin` exactly once, before the first event, and never when nothing is served. */
export interface ChatReply extends ReplySink {
  begin(served: ServedBy): void
  /** The surface has words for the seals of thoughts; the others hear nothing of them. */
  readonly takesSeals?: boolean
}

/** A finished answer whose usage is durable: the terminal event may be written. */
export interface CompletedChat {
  readonly kind: 'completed'
  readonly served: ServedBy
  /** Of the first choice. */
  readonly finishReason: FinishReason
  /** Of every choice, in order. */
  readonly finishReasons: readonly FinishReason[]
  /** The stop sequence that ended it, where the provider names it; null with most. */
  readonly stopSequence: string | null
  readonly usage: Usage
  readonly costPico: Pico
  readonly currency: string
  readonly durationMs: number
  /** From dispatch to the first event, ms. */
  readonly firstEventMs: number | null
  readonly warnings: readonly string[]
  /** One vector an input, for embeddings; else null. */
  readonly vectors: AttemptOutcome['vectors']
}

/**
 * How a call ended. `refused`: nothing was sent to the client yet. `broken`: events were sent and the answer will not
 * become whole; the surface writes an error event and no terminal one. `unrecorded`: the answer is whole but its usage
 * could not be made durable, so the connection is closed without a terminal event (metering.md, I1).
 */
export type ChatResult = CompletedChat | { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'broken'; readonly refusal: Refusal } | { readonly kind: 'unrecorded' }

/** Events as a surface collects them for a reply that is not streamed. */
export type CollectedEvents = readonly ChatEvent[]
