import type { RuleSet } from '@tollgate/routing/rules'

/** A rule set as stored. A tenant's stands in for the operator's of the same name; null tenant = the operator's. */
export interface StoredRuleSet extends RuleSet {
  readonly id: string
  readonly tenantId: string | null
  readonly description: string
  /** Used where the caller names no set. */
  readonly isDefault: boolean
  /** Who wrote it last: an account's id, or `shipped`. */
  readonly changedBy: string
  readonly changedAt: Date
}

/** The sets that hold for a tenant, by name: its own in place of the operator's. */
export function effectiveSets(shared: readonly StoredRuleSet[], own: readonly StoredRuleSet[]): ReadonlyMap<string, StoredRuleSet> {
  return new Map([...shared, ...own].map((set) => [set.name, set]))
}

/** The set a caller gets: the named one, else the tenant's default, else the operator's. Undefined = there is none of that name. */
export function chosenSet(sets: ReadonlyMap<string, StoredRuleSet>, name: string | null): StoredRuleSet | undefined {
  if (name !== null) return sets.get(name)
  const defaults = [...sets.values()].filter((set) => set.isDefault)
  return defaults.find((set) => set.tenantId !== null) ?? defaults[0]
}
