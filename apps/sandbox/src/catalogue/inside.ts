import { setting } from '../behaviour'
import type { Scene } from '../scene'
import { errorObject } from '../openai/errors'
import type { Frame, Script } from '../script'
import { cutAfter, noise } from './frames'
import { anthropicError, refuse, surfaceOf } from './refusal'
import type { Alteration } from './transport'

const CHUNKS_BEFORE_FAULT = 3
const RUNNER_DIED = 'an error was encountered while running the model: unexpected EOF'
const SERVER_ERROR = 'The server had an error while processing your request. Sorry about that!'

const event = (value: unknown): Frame => noise(`data: ${JSON.stringify(value)}\n\n`)

const chunk = (scene: Scene, members: Record<string, unknown>): Frame =>
  event({
    id: 'chatcmpl-144',
    object: 'chat.completion.chunk',
    created: Math.floor(scene.stage.clock.nowMs() / 1000),
    model: String(scene.body.model ?? ''),
    ...members,
  })

/** The stream breaks after a few words with `tail`; a body asked for whole is refused with 500 instead. */
function breaking(script: Script, scene: Scene, tail: Frame[], text: string): Script {
  if (script.status >= 400) return script
  const count = setting(scene.behaviour, 'after', CHUNKS_BEFORE_FAULT)
  if (script.isWhole) return { ...refuse(scene, 500, text), promptTokens: script.promptTokens }
  return { ...script, frames: cutAfter(script.frames, count, tail), reason: 'failed' }
}

function errorTail(scene: Scene): Frame[] {
  const surface = surfaceOf(scene)
  if (surface === 'native') return [noise(`${JSON.stringify({ error: RUNNER_DIED })}\n`)]
  if (surface === 'messages') {
    const value = { type: 'error', error: anthropicError(529, 'Overloaded') }
    return [noise(`event: error\ndata: ${JSON.stringify(value)}\n\n`)]
  }
  switch (scene.stage.dialect) {
    case 'ollama':
      return silentTail(scene)
    case 'openrouter':
      return routerTail(scene)
    default:
      return [event({ error: errorObject(scene, 500, SERVER_ERROR, { type: 'server_error' }) })]
  }
}

/** What Ollama's /v1 sends when its runner dies: a chunk without a model, then the end (measured). */
function silentTail(scene: Scene): Frame[] {
  const choices = [{ index: 0, delta: { content: '' }, finish_reason: null }]
  return [chunk(scene, { model: '', system_fingerprint: 'fp_ollama', choices })]
}

function routerTail(scene: Scene): Frame[] {
  const error = { code: 502, message: 'Provider disconnected' }
  const choices = [{ index: 0, delta: { content: '' }, finish_reason: 'error' }]
  return [chunk(scene, { provider: 'Sandbox', error, choices })]
}

const errorBySurface: Alteration = (script, scene) => breaking(script, scene, errorTail(scene), RUNNER_DIED)

function garbage(script: Script, scene: Scene): Script {
  const bytes = surfaceOf(scene) === 'native' ? '{bad\n' : 'data: {bad\n\n'
  if (script.isWhole) {
    return {
      ...script,
      frames: [{ role: 'body', data: '{bad', tokens: 0 }],
      headers: { ...script.headers, 'content-length': 4 },
      reason: 'failed',
    }
  }
  const count = setting(scene.behaviour, 'after', CHUNKS_BEFORE_FAULT)
  return { ...script, frames: cutAfter(script.frames, count, [noise(bytes)]), reason: 'failed' }
}

const isAnthropic = (scene: Scene): boolean => surfaceOf(scene) === 'messages'

const OLD_ERROR = { object: 'error', message: 'boom', type: 'InternalServerError', code: 500 }
const OPENAI_ERROR = { error: { message: SERVER_ERROR, type: 'server_error', param: null, code: null } }
const ANTHROPIC_ERROR = { type: 'error', error: anthropicError(529, 'Overloaded') }

/** Behaviours of section E, by name. */
export const INSIDE: Record<string, Alteration> = {
  'err-line': errorBySurface,
  'err-v1-silent': (script, scene) =>
    breaking(script, scene, surfaceOf(scene) === 'compatible' ? silentTail(scene) : [], RUNNER_DIED),
  'err-event': (script, scene) =>
    surfaceOf(scene) === 'compatible'
      ? breaking(script, scene, [event(OPENAI_ERROR)], SERVER_ERROR)
      : errorBySurface(script, scene),
  'err-event-r': (script, scene) =>
    breaking(script, scene, isAnthropic(scene) ? errorTail(scene) : routerTail(scene), 'Provider disconnected'),
  'err-old': (script, scene) =>
    breaking(script, scene, isAnthropic(scene) ? errorTail(scene) : [event(OLD_ERROR)], 'boom'),
  'err-a': (script, scene) =>
    breaking(script, scene, [noise(`event: error\ndata: ${JSON.stringify(ANTHROPIC_ERROR)}\n\n`)], 'Overloaded'),
  'garbage-mid': garbage,
  'wrong-type': (script) => ({ ...script, headers: { ...script.headers, 'content-type': 'text/plain' } }),
}
