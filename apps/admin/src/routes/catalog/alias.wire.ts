import type { Alias, AliasAdminService } from '@tollgate/catalog'

type Book = Awaited<ReturnType<AliasAdminService['book']>>
type Change = Awaited<ReturnType<AliasAdminService['history']>>[number]

/** An alias as the wire has it. `leads_to` is the model it ends at; null with a `problem`: its target has gone since. */
export function aliasWire(alias: Alias, book: Book) {
  const found = book.follow(alias.name)
  const leadsTo = found.kind === 'model' ? (found.provider ? `${found.provider}:${found.model}` : found.model) : null
  return { name: alias.name, target: alias.target, tier: alias.tier, scope: alias.tenantId ? 'tenant' : alias.tier ? 'tier' : 'platform', leads_to: leadsTo, problem: found.kind === 'broken' ? found.why : null }
}

/** A scope's aliases: all in one page, since a scope holds few. */
export function aliasesWire(aliases: readonly Alias[], book: Book) {
  return { data: aliases.map((alias) => aliasWire(alias, book)), has_more: false, next: null }
}

/** Changes of an alias, latest first: who, when, from what to what. */
export function aliasHistoryWire(changes: readonly Change[]) {
  return { data: changes.map(({ from, to, changedBy, changedAt }) => ({ from, to, changed_by: changedBy, changed_at: changedAt.toISOString() })), has_more: false, next: null }
}
