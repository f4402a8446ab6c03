import { setting, WELL_BEHAVED, type Behaviour } from './behaviour'
import { EDITS } from './catalogue/edits'
import { MESSAGE_EDITS } from './catalogue/message-edits'
import { REPEATED } from './catalogue/repeats'
import { surfaceOf } from './catalogue/refusal'
import { INSIDE } from './catalogue/inside'
import { REFUSALS } from './catalogue/refusals'
import { SILENCES, TRANSPORT, withCrlf } from './catalogue/transport'
import { routeAnthropic } from './anthropic/router'
import { routeOllama } from './ollama/router'
import { routeCompatible } from './openai/router'
import { textOf } from './json'
import type { Scene } from './scene'
import type { Script } from './script'

/** Every k-th request fails (`k`), or all do in the first `for` ms of each `period` ms; `with` names the failure. */
function flapping(scene: Scene, turn: number): Behaviour {
  const { behaviour, stage } = scene
  const failure: Behaviour = { ...behaviour, name: behaviour.params.with ?? 'http500' }
  const periodMs = setting(behaviour, 'period', 0)
  const isFailing =
    periodMs > 0
      ? stage.clock.nowMs() % periodMs < setting(behaviour, 'for', periodMs / 2)
      : turn % setting(behaviour, 'k', 3) === 0
  return isFailing ? failure : { ...WELL_BEHAVED, params: behaviour.params }
}

/** Replaces behaviours that change from one request to the next by what they are this time. */
export function settled(scene: Scene): Scene {
  const { behaviour, stage } = scene
  const { name } = behaviour
  // The fault was in the handshake: whoever went on all the same is served.
  if (name === 'tls-bad' && !behaviour.isExplicit) return { ...scene, behaviour: WELL_BEHAVED }
  if (name !== 'flap' && name !== 'slow-then-ok') return scene
  const key = `${name}/${textOf(scene.body.model) ?? ''}`
  const turn = (stage.turns.get(key) ?? 0) + 1
  stage.turns.set(key, turn)
  if (name === 'flap') return { ...scene, behaviour: flapping(scene, turn) }
  const isSlow = turn <= setting(behaviour, 'm', 3)
  return { ...scene, behaviour: { ...behaviour, name: isSlow ? 'slow' : 'ok' } }
}

function routed(scene: Scene): Script {
  switch (scene.stage.dialect) {
    case 'ollama':
      return routeOllama(scene)
    case 'anthropic':
      return routeAnthropic(scene)
    default:
      return routeCompatible(scene)
  }
}

/** Turns a request into the script of its answer, behaviour included. */
export function direct(scene: Scene): Script {
  const { name, params } = scene.behaviour
  const silence = SILENCES[name]
  if (silence) return silence()
  const refusal = REFUSALS[name]?.(scene)
  if (refusal) return refusal
  const script = routed(scene)
  const edits = surfaceOf(scene) === 'messages' ? { ...EDITS, ...MESSAGE_EDITS } : EDITS
  const alteration = TRANSPORT[name] ?? INSIDE[name] ?? edits[name] ?? REPEATED[name]
  const altered = alteration ? alteration(script, scene) : script
  return params.crlf === '1' ? withCrlf(altered, scene) : altered
}
