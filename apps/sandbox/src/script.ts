/** What a frame is to its stream, so that the catalogue can cut or replace it without reading its bytes. */
export type FrameRole = 'open' | 'thinking' | 'content' | 'tool' | 'finish' | 'usage' | 'done' | 'body' | 'noise'

/** One write of an answer: the bytes and the completion tokens they carry. */
export interface Frame {
  readonly role: FrameRole
  readonly data: string | Buffer
  readonly tokens: number
  /** Milliseconds to wait after this frame in place of the gap. */
  readonly waitMs?: number
}

/** How the connection is left after the last frame: a clean end, silence, a TCP reset, or a FIN before the body is whole. */
export type Ending = 'end' | 'hang' | 'reset' | 'drop'

/** Why a request is over, as the log tells it. */
export type EndReason = 'completed' | 'refused' | 'failed' | 'aborted' | 'reset' | 'dropped'

/** A whole answer before it is played: status, headers, frames and how it stops. */
export interface Script {
  status: number
  headers: Record<string, string | number>
  frames: Iterable<Frame>
  /** One body of known length, generated before its first byte leaves; otherwise frames are paced one by one. */
  isWhole: boolean
  ending: Ending
  /** What the log says once everything was written; by default `completed`, or `refused` for a status of 400 and up. */
  reason?: EndReason
  /** Nothing is sent at all, not even a status line. */
  isSilent?: boolean
  /** Closes the kept-alive connection unannounced, so many milliseconds after the answer. */
  closeAfterMs?: number
  /** Bytes nobody asked for, written on the kept-alive connection so many milliseconds after the answer. */
  extra?: { readonly data: string; readonly afterMs: number }
  /** Milliseconds before the first byte, on top of all others: the model is loaded. */
  loadMs?: number
  promptTokens: number
  /** Tokens the answer holds, for the time a whole body takes; the frames' own figures are what is booked. */
  generatedTokens: number
}

/** A script of one body with its length known, such as JSON or an error. */
export function whole(status: number, type: string, body: string | Buffer): Script {
  const headers: Record<string, string | number> = { 'content-length': Buffer.byteLength(body) }
  if (type !== '') headers['content-type'] = type
  return {
    status,
    headers,
    frames: [{ role: 'body', data: body, tokens: 0 }],
    isWhole: true,
    ending: 'end',
    promptTokens: 0,
    generatedTokens: 0,
  }
}

/** A script of one body that carries `tokens` generated tokens for a prompt of `promptTokens`. */
export function wholeAnswer(type: string, body: string, promptTokens: number, tokens: number): Script {
  const script = whole(200, type, body)
  script.frames = [{ role: 'body', data: body, tokens }]
  script.promptTokens = promptTokens
  script.generatedTokens = tokens
  return script
}

/** A script of frames sent one by one under status 200. */
export function streamed(type: string, frames: Iterable<Frame>, promptTokens: number): Script {
  return {
    status: 200,
    headers: { 'content-type': type },
    frames,
    isWhole: false,
    ending: 'end',
    promptTokens,
    generatedTokens: 0,
  }
}
