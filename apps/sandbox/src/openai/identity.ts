import type { Ask } from '../ask'
import type { Scene } from '../scene'

/** Seconds since 1970; an hour off under `clock-skew`. */
export const createdOf = (scene: Scene): number =>
  Math.floor(scene.stage.clock.nowMs() / 1000) - (scene.behaviour.name === 'clock-skew' ? 3600 : 0)

/** The model the answer names: the asked one, or another when the behaviour renames it. */
export function modelOf(scene: Scene, ask: Ask): string {
  const { name, params } = scene.behaviour
  if (name === 'model-renamed') return params.as ?? `${ask.model}-2026-08-21`
  if (name === 'fallback-model') return params.as ?? 'sandbox/fallback'
  return ask.model
}
