import { routeOllama } from './ollama/router'
import { routeCompatible } from './openai/router'
import type { Scene } from './scene'
import type { Script } from './script'

/** Turns a request into the script of its answer, behaviour included. */
export function direct(scene: Scene): Script {
  return scene.stage.dialect === 'ollama' ? routeOllama(scene) : routeCompatible(scene)
}
