import type { Alias } from '@tollgate/catalog'

/** An alias as the wire has it. */
export function aliasWire(alias: Alias) {
  return { name: alias.name, target: alias.target, tier: alias.tier, scope: alias.tenantId ? 'tenant' : alias.tier ? 'tier' : 'platform' }
}

/** A scope's aliases: all in one page, since a scope holds few. */
export function aliasesWire(aliases: readonly Alias[]) {
  return { data: aliases.map(aliasWire), has_more: false, next: null }
}
