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

/** Where a name leads. `broken` is an alias that is not followed; `why` is part of a sentence and names every step. */
export type FollowedName = (ResolvedName & { readonly kind: 'model' }) | { readonly kind: 'unknown' } | { readonly kind: 'broken'; readonly why: string }

/** An alias may point at an alias, but not for ever. */
const MOST_ALIAS_STEPS = 8

/**
 * Follows a name (product.md 5): exact catalogue name, alias, then `provider:model` or `provider/model` when the left
 * part is a registered provider. Deterministic.
 */
export function followName(name: string, book: NameBook): FollowedName {
  const steps: string[] = []
  const chain: string[] = []
  let wanted = canonicalModel(name)
  for (;;) {
    if (book.hasModel(wanted)) return { kind: 'model', model: wanted, provider: null, steps: [...steps, `catalogue: ${wanted}`] }
    const isCircle = chain.includes(wanted)
    chain.push(wanted)
    if (isCircle || chain.length > MOST_ALIAS_STEPS) return { kind: 'broken', why: `it leads in a circle (${chain.join(' → ')})` }
    const target = book.aliases.map((aliases) => aliases.get(wanted)).find((found) => found !== undefined)
    if (target === undefined) break
    steps.push(`alias: ${wanted} → ${target}`)
    wanted = canonicalModel(target)
  }
  const qualified = splitQualified(wanted, book.providers)
  if (qualified && book.hasModel(qualified.model)) return { kind: 'model', ...qualified, steps: [...steps, `provider: ${qualified.provider}`, `catalogue: ${qualified.model}`] }
  return chain.length === 1 ? { kind: 'unknown' } : { kind: 'broken', why: `${wanted} is neither a model nor an alias (${chain.join(' → ')})` }
}
