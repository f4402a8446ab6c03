import { runningId } from '../ids'
import type { Scene } from '../scene'

const names = new WeakMap<Scene, string>()

/** The name a router gives an answer: the same in its header and in every chunk. */
export function generationName(scene: Scene): string {
  const known = names.get(scene)
  if (known !== undefined) return known
  const name = `gen-${runningId(scene.stage.nextId(), 31)}`
  names.set(scene, name)
  return name
}

/** Dollars that an answer costs: `cost`, whatever becomes of the answer on its way. */
export const costOf = ({ behaviour }: Scene): number => Number(behaviour.params.cost ?? '0.000423')
