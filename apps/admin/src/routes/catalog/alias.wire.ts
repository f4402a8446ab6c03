import type { Alias, AliasAdminService } from '@tollgate/catalog'
import { instantReply, pageReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'

type Book = Awaited<ReturnType<AliasAdminService['book']>>
type Change = Awaited<ReturnType<AliasAdminService['history']>>[number]

/** An alias as the wire has it. `leads_to` is the model it ends at; null with a `problem`: its target has gone since. */
export const aliasReply = z
  .strictObject({
    name: z.string(),
    target: z.string(),
    tier: z.string().nullable(),
    scope: z.enum(['tenant', 'tier', 'platform']),
    leads_to: z.string().nullable().meta({ description: 'The model it ends at, behind `provider:` where it names one; null: its target has gone since' }),
    problem: z.string().nullable().meta({ description: 'Why it leads nowhere' }),
  })
  .meta({ id: 'Alias' })

export function aliasWire(alias: Alias, book: Book): z.output<typeof aliasReply> {
  const found = book.follow(alias.name)
  const leadsTo = found.kind === 'model' ? (found.provider ? `${found.provider}:${found.model}` : found.model) : null
  return { name: alias.name, target: alias.target, tier: alias.tier, scope: alias.tenantId ? 'tenant' : alias.tier ? 'tier' : 'platform', leads_to: leadsTo, problem: found.kind === 'broken' ? found.why : null }
}

/** A scope's aliases: all in one page, since a scope holds few. */
export const aliasesReply = pageReply(aliasReply)

export function aliasesWire(aliases: readonly Alias[], book: Book): z.output<typeof aliasesReply> {
  return { data: aliases.map((alias) => aliasWire(alias, book)), has_more: false, next: null }
}

/** Changes of an alias, latest first: who, when, from what to what. */
export const aliasHistoryReply = pageReply(
  z
    .strictObject({
      from: z.string().nullable().meta({ description: 'Null: it was made' }),
      to: z.string().nullable().meta({ description: 'Null: it was removed' }),
      changed_by: z.string(),
      changed_at: instantReply,
    })
    .meta({ id: 'AliasChange' }),
)

export function aliasHistoryWire(changes: readonly Change[]): z.output<typeof aliasHistoryReply> {
  return { data: changes.map(({ from, to, changedBy, changedAt }) => ({ from, to, changed_by: changedBy, changed_at: changedAt })), has_more: false, next: null }
}
