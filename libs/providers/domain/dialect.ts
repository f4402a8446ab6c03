import type { FrameDecoder, OnFrame } from './frame-decoder'
import type { Reply } from './reply'

/** One dialect as the exchange needs it: what is sent and how the answer is read. */
export interface Dialect {
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  /** Headers of this dialect's own credential; then no bearer token is sent. */
  readonly headers?: Readonly<Record<string, string>>
  /** Media type of a streamed answer. */
  readonly streamType: string
  /** Answers in one reply; each may have `maxTokens`. */
  readonly choices: number
  /** The upstream answers with whatever model it has, so its name is no sign of trouble. */
  readonly ignoresModel: boolean
  /** Header that names the answer for later questions about its cost; where it is missing, the answer's own id does. */
  readonly generationHeader?: string | null
  decoder(onFrame: OnFrame): FrameDecoder
  read(reply: Reply, frame: string, isWhole: boolean): void
}
