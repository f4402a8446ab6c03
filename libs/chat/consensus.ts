import type { Refusal } from '@tollgate/kernel'
import type { ChatResult, CompletedChat } from './chat-result'

/** One call of a consensus: `requestId` is that of its own row in the books. */
export interface Child {
  readonly model: string
  readonly requestId: string
  readonly text: string
  /** No store took its usage in time: what it will be billed is not known yet. */
  readonly isUnrecorded: boolean
  readonly result: CompletedChat | { readonly kind: 'refused'; readonly refusal: Refusal }
}

/** What came of it. `chosen` is an index into `children`; null when none answered. */
export interface Consensus {
  readonly result: ChatResult
  readonly children: readonly Child[]
  readonly judge: Child | null
  readonly chosen: number | null
  readonly votes: number
  /** Whose word it was in the end. */
  readonly method: 'vote' | 'judge'
}
