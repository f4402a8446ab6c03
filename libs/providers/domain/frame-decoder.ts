import type { SplitState } from './line-splitter'

/** Turns the bytes of an answer into frames, each the text of one JSON document. */
export interface FrameDecoder {
  push(chunk: Buffer): SplitState
  end(): SplitState
}

/** Receives a frame; false = stop, the rest is not wanted. */
export type OnFrame = (frame: string) => boolean
