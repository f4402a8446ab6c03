import { canonicalModel } from '@tollgate/kernel'
import { resolveName, type NameBook } from './resolve'

/**
 * May this alias be written? Null = yes. `book.aliases[0]` is its own scope, the rest what it may lean on. A model's
 * name always wins over an alias, so an alias of that name would never be used.
 */
export function judgeAlias(alias: { name: string; target: string }, book: NameBook): { path: string; message: string } | null {
  const name = canonicalModel(alias.name)
  const target = canonicalModel(alias.target)
  if (book.hasModel(name)) return { path: 'name', message: 'is the name of a model, which always wins over an alias' }
  const aliases = [new Map([...book.aliases[0]!, [name, target]]), ...book.aliases.slice(1)]
  if (resolveName(name, { ...book, aliases })) return null
  const message = isCircular(name, aliases) ? 'leads back to the alias itself' : 'is neither a model nor an alias that leads to one'
  return { path: 'target', message }
}

/** Follows the name step by step; each name is looked up in its own scope first. */
function isCircular(name: string, aliases: readonly ReadonlyMap<string, string>[]): boolean {
  const seen = new Set<string>()
  let at: string | undefined = name
  while (at !== undefined && !seen.has(at)) {
    seen.add(at)
    at = targetOf(at, aliases)
  }
  return at !== undefined
}

function targetOf(name: string, aliases: readonly ReadonlyMap<string, string>[]): string | undefined {
  const target = aliases.map((map) => map.get(name)).find((found) => found !== undefined)
  return target === undefined ? undefined : canonicalModel(target)
}
