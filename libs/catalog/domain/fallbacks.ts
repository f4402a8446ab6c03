/**
 * May these models stand in for one? Null = yes. `fallbacksOf` gives the list of any model of the catalogue, undefined for
 * names it does not have. A circle is refused although lists are never followed: it would say that each is worse than the other.
 */
export function judgeFallbacks(model: string, fallbacks: readonly string[], fallbacksOf: (name: string) => readonly string[] | undefined): { path: string; message: string } | null {
  for (const [i, name] of fallbacks.entries()) {
    const path = `fallbacks.${i}`
    if (name === model) return { path, message: 'is the model itself' }
    if (fallbacks.indexOf(name) < i) return { path, message: `names ${name} a second time` }
    if (fallbacksOf(name) === undefined) return { path, message: `${name} is not a model of the catalogue; add it first` }
    if (leadsTo(model, name, fallbacksOf)) return { path, message: `${name} falls back to ${model} itself, a circle; take ${model} out of its fallbacks first` }
  }
  return null
}

function leadsTo(goal: string, from: string, fallbacksOf: (name: string) => readonly string[] | undefined): boolean {
  const seen = new Set<string>()
  const open = [from]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === goal) return true
    if (seen.has(name)) continue
    seen.add(name)
    open.push(...(fallbacksOf(name) ?? []))
  }
  return false
}
