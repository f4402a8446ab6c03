import type { Frame, FrameRole, Script } from '../script'

const COUNTED: ReadonlySet<FrameRole> = new Set<FrameRole>(['thinking', 'content', 'tool'])

/** The frames up to and with the `count`-th that carries words or calls, then `tail`. */
export function* cutAfter(frames: Iterable<Frame>, count: number, tail: Frame[]): Generator<Frame> {
  let seen = 0
  if (count > 0) {
    for (const frame of frames) {
      yield frame
      if (COUNTED.has(frame.role) && ++seen >= count) break
    }
  }
  yield* tail
}

/** The frames without those of some roles. */
export function* without(frames: Iterable<Frame>, ...roles: FrameRole[]): Generator<Frame> {
  for (const frame of frames) if (!roles.includes(frame.role)) yield frame
}

/** All frames in one: the bytes joined and the tokens summed. */
export function joined(frames: Iterable<Frame>): Frame {
  const parts: Buffer[] = []
  let tokens = 0
  for (const frame of frames) {
    parts.push(Buffer.from(frame.data as string))
    tokens += frame.tokens
  }
  return { role: 'body', data: Buffer.concat(parts), tokens }
}

/** The same script over other frames; a body of known length gets its length anew. */
export function withFrames(script: Script, frames: Iterable<Frame>): Script {
  if (!script.isWhole) return { ...script, frames }
  const body = joined(frames)
  return { ...script, frames: [body], headers: { ...script.headers, 'content-length': Buffer.byteLength(body.data) } }
}

/** A line of bytes that carries no words. */
export const noise = (data: string): Frame => ({ role: 'noise', data, tokens: 0 })
