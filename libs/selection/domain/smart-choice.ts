import type { RuleMatch } from '@tollgate/routing/rules'

/** What a reply says of a choice (product.md 2.2): wanted, used, because. */
export interface SelectionNote {
  readonly wanted: string
  readonly used: string
  readonly rule: string
  readonly reason: string
}

/** A model, at one provider where a name said so. */
export interface Target {
  readonly model: string
  readonly provider: string | null
}

/** A model that may stand in for the wanted one, and where it comes from, e.g. "the default of the free tier". */
export interface StandIn<T extends Target> {
  readonly target: T
  readonly from: string
}

/**
 * The choice of a rule, replaced inside the permitted set where the caller cannot have it: the first stand-in without an
 * obstacle is used. Pure. Null = nothing at all can be used.
 * @param wanted where the rule's name leads; null = nowhere @param standIns in the order of trust
 * @param obstacle what keeps a model from this caller now, as part of a sentence; null = nothing
 */
export function settleChoice<T extends Target>(match: RuleMatch, wanted: T | null, standIns: Iterable<StandIn<T>>, obstacle: (target: T) => string | null): { readonly note: SelectionNote; readonly target: T } | null {
  const { rule, because, use } = match
  const problem = wanted === null ? `${use} leads to no model` : obstacle(wanted)
  if (wanted !== null && problem === null) return { note: { wanted: wanted.model, used: wanted.model, rule, reason: because }, target: wanted }
  for (const { target, from } of standIns) {
    if (obstacle(target) !== null) continue
    return { note: { wanted: wanted?.model ?? use, used: target.model, rule, reason: `${because}; ${problem}, so ${from} is used` }, target }
  }
  return null
}
