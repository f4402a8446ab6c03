import { gzipSync } from 'node:zlib'
import { setting } from '../behaviour'
import type { Scene } from '../scene'
import { whole, type Frame, type Script } from '../script'
import { cutAfter, joined, without, withFrames } from './frames'

/** Changes a finished script into that of a server or a network at fault. */
export type Alteration = (script: Script, scene: Scene) => Script

const CHUNKS_BEFORE_FAULT = 5

/** No byte leaves: the socket stays silent, or is reset once the request has come. */
function silent(ending: 'hang' | 'reset'): Script {
  return { ...whole(0, '', ''), isSilent: true, ending }
}

/** Behaviours that need no answer to be made up first. */
export const SILENCES: Record<string, () => Script> = {
  refuse: () => silent('reset'),
  blackhole: () => silent('hang'),
  'hang-headers': () => silent('hang'),
  'reset-first': () => silent('reset'),
  'tls-bad': () => silent('reset'),
}

function halfOf(script: Script): Frame {
  const { data } = joined(script.frames)
  // A body cut in half holds tokens that were made but that no caller can count.
  return { role: 'body', data: (data as Buffer).subarray(0, Math.floor(data.length / 2)), tokens: 0 }
}

function withoutLength(script: Script): Record<string, string | number> {
  const { 'content-length': _, ...headers } = script.headers
  return headers
}

const hangMid: Alteration = (script, scene) => {
  if (script.isWhole) return { ...script, isSilent: true, ending: 'hang' }
  const count = setting(scene.behaviour, 'after', CHUNKS_BEFORE_FAULT)
  return { ...script, frames: cutAfter(script.frames, count, []), ending: 'hang' }
}

const resetMid: Alteration = (script, scene) => {
  if (script.isWhole) return { ...script, frames: [halfOf(script)], ending: 'reset' }
  const count = setting(scene.behaviour, 'after', CHUNKS_BEFORE_FAULT)
  return { ...script, frames: cutAfter(script.frames, count, []), ending: 'reset' }
}

const eofMid: Alteration = (script, scene) => {
  if (script.isWhole) return { ...script, headers: withoutLength(script), frames: [halfOf(script)], reason: 'failed' }
  const count = setting(scene.behaviour, 'after', CHUNKS_BEFORE_FAULT)
  return { ...script, frames: cutAfter(script.frames, count, []), reason: 'failed' }
}

const shortBody: Alteration = (script) => {
  const body = joined(script.frames)
  const headers = { ...script.headers, 'content-length': body.data.length + 64 }
  return { ...script, headers, frames: [body], isWhole: true, ending: 'drop' }
}

const gzipped: Alteration = (script) => {
  const body = joined(script.frames)
  const data = gzipSync(body.data)
  const headers: Record<string, string | number> = { ...withoutLength(script), 'content-encoding': 'gzip' }
  if (script.isWhole) headers['content-length'] = data.length
  return { ...script, headers, frames: [{ ...body, data }] }
}

/** A finished stream that is never ended; `done=0` leaves out its last marker too. A whole body has its length and ends by it. */
const leftOpen: Alteration = (script, scene) => {
  if (script.isWhole) return script
  return { ...script, frames: setting(scene.behaviour, 'done', 1) === 0 ? without(script.frames, 'done') : script.frames, ending: 'hang' }
}

/** An answer to nobody, as a confused or hostile server might send it. */
const UNASKED = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{"poison":"true"}'

/** Behaviours of section D that change an answer, and the ways of writing of section B, by name. */
export const TRANSPORT: Record<string, Alteration> = {
  'hang-mid': hangMid,
  'reset-mid': resetMid,
  'eof-mid': eofMid,
  'eof-nodone': (script) => (script.isWhole ? script : { ...script, frames: without(script.frames, 'done') }),
  'short-body': shortBody,
  'early-close': (script) => ({ ...script, closeAfterMs: 0 }),
  'stale-keepalive': (script, scene) => ({ ...script, closeAfterMs: setting(scene.behaviour, 'idle', 1000) }),
  gzip: gzipped,
  'left-open': leftOpen,
  'extra-response': (script, scene) => ({ ...script, extra: { data: UNASKED, afterMs: setting(scene.behaviour, 'ms', 0) } }),
  burst: (script, scene) =>
    setting(scene.behaviour, 'once', 0) === 1 ? withFrames(script, [joined(script.frames)]) : script,
}

/** Line ends of CR LF in place of LF, which every reader of SSE and NDJSON must take. */
export const withCrlf: Alteration = (script) => {
  if (script.isWhole) return script
  function* lines(frames: Iterable<Frame>): Generator<Frame> {
    for (const frame of frames) yield { ...frame, data: frame.data.toString().replaceAll('\n', '\r\n') }
  }
  return { ...script, frames: lines(script.frames) }
}
