import { canonicalModel, splitQualified } from '@tollgate/kernel'

/** Names known to a caller, for resolution. Alias maps go from name to target; the first that has a name wins. */
export interface NameBook {
  readonly hasModel: (canonicalName: string) => boolean
  /** In the order tenant, tier, platform (product.md 5). */
  readonly aliases: readonly ReadonlyMap<string, string>[]
  readonly providers: ReadonlySet<string>
}

/** What a name stands for. `provider` is set when the caller named one. `steps` tell how, for `explain`. */
export interface ResolvedName {
  readonly model: string
  readonly provider: string | null
  readonly steps: readonly string[]
}

/** An alias may point at an alias, but not for ever. */
const MOST_ALIAS_STEPS = 8

/**
 * Resolves a name (product.md 5): exact catalogue name, alias, then `provider:model` or `provider/model` when the left
 * part is a registered provider. Deterministic. Null = unknown.
 */
export function resolveName(name: string, book: NameBook): ResolvedName | null {
  const steps: string[] = []
  let wanted = canonicalModel(name)
  for (let i = 0; i < MOST_ALIAS_STEPS; i++) {
    if (book.hasModel(wanted)) return { model: wanted, provider: null, steps: [...steps, `catalogue: ${wanted}`] }
    const target = book.aliases.map((aliases) => aliases.get(wanted)).find((found) => found !== undefined)
    if (target === undefined) break
    steps.push(`alias: ${wanted} → ${target}`)
    wanted = canonicalModel(target)
  }
  const qualified = splitQualified(wanted, book.providers)
  if (!qualified || !book.hasModel(qualified.model)) return null
  return { ...qualified, steps: [...steps, `provider: ${qualified.provider}`, `catalogue: ${qualified.model}`] }
}
